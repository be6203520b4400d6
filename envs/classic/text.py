"""What players read and write.

``brief`` is for small models: a few words in fixed places, a label and its value in one.
``full`` is plain English with the rules.
"""

from __future__ import annotations

from colllm_bench.envs import answers
from colllm_bench.envs.classic.games import Game

STYLES = ("brief", "full")
START = "start"
"""In place of an observation before the first action, where the game shows nothing then."""
MAX_ACTION = 4096
"""Longest action that the action space contains, in characters."""
MAX_OBSERVATION = 512
"""Longest observation, in characters."""
INVALID = "Your answer was not understood, and an action was drawn by lot."


def fault(text: object, words: tuple[str, ...]) -> str:
    """What is wrong with the form of an action that is none of ``words``, in a few words."""
    return answers.missing(text) or f"one word is asked for, one of {', '.join(words)}"


def brief(left: int, seen: str, invalid: bool) -> str:
    """``left=2 hear=left``: turns left (this one included), what is seen; ``invalid`` last."""
    return f"left={left} {seen}" + (" invalid" if invalid else "")


def full(game: Game, left: int, seen: str, invalid: bool) -> str:
    """The same information as :func:`brief`, in plain English."""
    told = "The game begins." if seen == START else game.seen[seen]
    parts = [told, f"{left} {'turn is' if left == 1 else 'turns are'} left."]
    return " ".join([INVALID, *parts] if invalid else parts)


def read_brief(observation: str) -> str:
    """The word of what is seen in a brief observation; "" where it is none."""
    words = observation.split("\n", 1)[0].split(" ")
    return words[1] if len(words) in (2, 3) and words[0].startswith("left=") else ""


def brief_instructions(game: Game, agent: int, agents: int, turns: int, k: float) -> str:
    """A handful of words: which game, which agent of how many, how many turns."""
    text = f"{game.name} agent={agent + 1} of={agents} turns={turns}"
    return f"{text} k={k:g}" if game.name == "penalty" else text


def full_instructions(game: Game, agent: int, agents: int, turns: int, k: float) -> str:
    """Rules and grammar in plain English."""
    rows = [
        f"You are agent {agent + 1} of {agents} in a game of {turns} "
        f"{'turn' if turns == 1 else 'turns'}. All act at the same time and earn one reward "
        "together: the sum over all turns.",
        game.rules.format(k=k),
    ]
    if agents > 2:
        rows.append(
            "All stand in a row. Each two neighbours play this game, the one with the lower "
            "number first; the team earns the mean over all neighbours."
        )
    rows += [f"{word}: {meaning}" for word, meaning in game.actions.items()]
    rows.append("Answer with one word and nothing else: " + ", ".join(game.actions) + ".")
    return "\n".join(rows)
