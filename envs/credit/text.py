"""What agents of ``credit_v0`` read and write, and how it is read back.

``brief``: a label and its value are one token of the built-in tokenizer, two to four an
observation (more where everyone's results are shown). ``full``: the same in plain English.
"""

from __future__ import annotations

import re

from colllm_bench.envs import answers
from colllm_bench.envs.credit.rules import Game
from colllm_bench.envs.labels import one_word
from colllm_bench.errors import ConfigError

STYLES = ("brief", "full")
CUES = ("a", "b", "c", "d", "e", "f", "g", "h")
BASES = (0.25, 0.1, 0.01, 0.001, 0.9)
"""How often the untrained built-in model is right, by set of cues: a1 to h1, a2 to h2, ..."""
WORDS = ("red", "blue", "green", "gold", "gray", "pink", "teal", "lime")
LETTERS = "abcdefghijklmnop"
"""An agent's letter where everyone's results are shown (``a=3 b=1``)."""
COIN = {1: "up", -1: "down"}
MAX_ACTION = 4096
MAX_OBSERVATION = 1024
INVALID = "not understood"
"""How a notice begins."""


def parse(text: object, words: int) -> int | None:
    """The number of the word that an action answers with, or None.

    How a word is read is :func:`colllm_bench.envs.labels.one_word`.
    """
    word = one_word(text, WORDS[:words])
    return None if word is None else WORDS.index(word)


def fault(text: object, words: int) -> str:
    """What is wrong with an action that gives no word, in a few words."""
    return answers.missing(text) or (
        "it is none of " + ", ".join(WORDS[:words]) + ", alone on its first line"
    )


def progress(game: Game, i: int, counts: list[int]) -> dict[str, int]:
    """The right answers that agent ``i`` is shown, by label."""
    if game.sees == "none":
        return {}
    if game.sees == "own":
        return {"own": counts[i]}
    return dict(zip(LETTERS, counts, strict=False))


def cue_name(cue: int, base: float) -> str:
    """``b1``: the cue's letter, and the number of its set."""
    return f"{CUES[cue]}{BASES.index(base) + 1}"


def brief(left: int, cue: str, shown: dict[str, int], coin: int) -> str:
    """``left=8 own=0 coin=up cue=b1``; the coin only where it is shown (not 0)."""
    parts = [f"left={left}", *(f"{name}={n}" for name, n in shown.items())]
    return " ".join([*parts, *([f"coin={COIN[coin]}"] if coin else []), f"cue={cue}"])


def full(left: int, cue: str, shown: dict[str, int], coin: int, words: int) -> str:
    """The same in plain English, and the question: a small model that reads a statement last
    goes on with it, and answers a question (results/smollm2)."""
    turns = "turn is" if left == 1 else "turns are"
    parts = [f"{left} {turns} left. Your cue is {cue}."]
    for name, n in shown.items():
        who = "You have" if name == "own" else f"Agent {LETTERS.index(name) + 1} has"
        parts.append(f"{who} given {n} right answer{'' if n == 1 else 's'}.")
    if coin:
        parts.append(f"A coin has fallen: {COIN[coin]}.")
    *others, last = WORDS[:words]
    question = f"Which word do you answer with: {', '.join(others)} or {last}?"
    return "\n".join([" ".join(parts), question])


_CUE = re.compile(r"\b(?:cue=|cue is )([a-h])([1-5])\b")
_COIN = re.compile(r"\bcoin(?:=| has fallen: )(up|down)\b")


def read_cue(observation: str) -> tuple[int, float]:
    """(cue, base) of an observation in either style.

    Raises:
        ConfigError: there is no cue.
    """
    found = _CUE.search(observation)
    if found is None:
        raise ConfigError(
            f"there is no cue in {observation!r:.60}", allowed="observations of credit_v0"
        )
    return CUES.index(found[1]), BASES[int(found[2]) - 1]


def read_coin(observation: str) -> int:
    """1 or -1 where an observation shows the coin, else 0."""
    found = _COIN.search(observation)
    return {"up": 1, "down": -1}[found[1]] if found else 0


def brief_instructions(game: Game, i: int) -> str:
    """Four tokens: which agent, of how many, how many turns and words."""
    return f"agent={i + 1} of={game.agents} turns={game.turns} words={game.words}"


_TEAM = {
    "mean": "The team earns the share of all answers that are right.",
    "all": "The team wins if every agent gives at least {need} right answers in all.",
    "any": "The team earns the share of turns in which at least one agent is right.",
    "pairs": "Neighbours (agents 1 and 2, 2 and 3, ...) earn together: 1 if both are right, a "
    "heavy fine if one is right and the other answers with the word after the right one, a "
    "modest gain if both play safe with other words.",
}


def full_instructions(game: Game, i: int, base: float) -> str:
    """Role, rules and grammar in plain English."""
    words = ", ".join(WORDS[: game.words])
    cues = ", ".join(cue_name(cue, base) for cue in range(game.cues))
    rows = [
        f"You are agent {i + 1} of {game.agents} in a game of {game.turns} turns.",
        f"Each turn you are shown a cue, one of {cues}, and answer with "
        "one word. One word is right for each cue, always the same and the same for all agents; "
        "nobody tells you which. The others have cues of their own, which you do not see.",
        _TEAM[game.team].format(need=game.need),
    ]
    if game.luck:
        rows.append(
            "At the start a coin falls that adds to what the team earns or takes from it; only "
            f"agent {game.agents} sees it, and nothing can be done about it."
        )
    rows.append(f"Answer with one word and nothing else: {words}.")
    return "\n".join(rows)


_MARKS = "+~-?"
"""How a role is shown: right, next to right, other, not understood."""


def everything(
    game: Game, cues: list[int], roles: list[list[int]], coin: int
) -> str:
    """The whole state, a line an agent, what is hidden included."""
    rows = [f"turn {len(roles)} of {game.turns} team {game.team} coin {COIN.get(coin, 'none')}"]
    for i, cue in enumerate(cues):
        past = "".join(_MARKS[turn[i]] for turn in roles) or "none"
        rows.append(f"agent {i + 1} cue {CUES[cue]} right {WORDS[cue]} past {past}")
    return "\n".join(rows)


def picture(
    game: Game,
    cues: list[int],
    given: list[list[int | None]],
    roles: list[list[int]],
    coin: int,
) -> str:
    """For spectators: :func:`everything`, and what was answered last."""
    rows = everything(game, cues, roles, coin).split("\n")
    if given:
        last = ["?" if word is None else WORDS[word] for word in given[-1]]
        rows[1:] = [f"{row} said {word}" for row, word in zip(rows[1:], last, strict=True)]
    return "\n".join(rows)
