"""The games by name: their tables, how long they last, and what they are in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from colllm_bench.envs.classic.games import channel, grid, guessing, matrix, robots, tiger
from colllm_bench.envs.classic.model import DecPOMDP
from colllm_bench.errors import unknown_name


@dataclass(frozen=True)
class Game:
    """A game as the environment plays it.

    Attributes:
        name: as in ``game=dectiger``.
        make: the table; ``penalty`` takes its k.
        turns: horizons that can be played: those whose optimum is known.
        default: the horizon if none is asked for.
        rules: what happens, in plain English.
        actions: what each action does, by its word.
        seen: what each observation means, by its word.
        chain: whether more than two agents can play: each neighbouring pair (1 and 2, 2 and 3, ...)
            plays the game, and the team earns the mean over the pairs.
    """

    name: str
    make: Callable[..., DecPOMDP]
    turns: tuple[int, ...]
    default: int
    rules: str
    actions: dict[str, str]
    seen: dict[str, str]
    chain: bool = False


_CANS = {
    "recharge": "charge your battery: it is high afterwards.",
    "little": "search for little cans: worth 2 for each robot with a high battery, which stays "
    "high in 7 cases of 10.",
    "big": "search for the big can: worth 5 if both search for it with high batteries, nothing "
    "alone; the battery stays high in 5 cases of 10.",
}
_CHANNEL = {
    "send": "send your message, if you have one.",
    "wait": "keep it for later.",
}
_CHANNEL_RULES = (
    "You and the other agent share a channel. Each has room for one message; both have one now. A "
    "message gets through, for 1, if exactly one agent sends. A new message comes to an empty "
    "buffer of agent 1 in 9 turns of 10, to that of agent 2 in 1 of 10. "
)
_ABC = {word: f"say {word}." for word in "abc"}
_AB = {word: f"say {word}." for word in "ab"}
_AGAIN = {"again": "You play once more."}
_COLOURS = {"blue": "say that the other sees blue.", "yellow": "say that the other sees yellow."}
_SEES = {"see=blue": "You see blue.", "see=yellow": "You see yellow."}

GAMES: dict[str, Game] = {game.name: game for game in (
    Game(
        "climb", matrix.climb, tuple(range(1, 11)), 1,
        "You and your neighbour each say a, b or c. Both a: 11. Both b: 7. Both c: 5. First a and "
        "second b, or first b and second a: -30. First b and second c: 6. All else: 0.",
        _ABC, _AGAIN, chain=True,
    ),
    Game(
        "penalty", matrix.penalty, tuple(range(1, 11)), 1,
        "You and your neighbour each say a, b or c. Both a, or both c: 10. Both b: 2. One a and "
        "one c: {k:g}. All else: 0.",
        _ABC, _AGAIN, chain=True,
    ),
    Game(
        "twostep", matrix.twostep, (2,), 2,
        "Two turns. What agent 1 says first picks the second game, which both see: in game a "
        "everything is worth 7; in game b both must say b for 8, one b is worth 1, none nothing.",
        _AB, {"game=a": "This is game a.", "game=b": "This is game b."},
    ),
    Game(
        "guess", guessing.guess, (1,), 1,
        "You and the other agent each see a colour, blue or yellow, drawn apart. The team earns "
        "half a point for each of you who names the colour that the other sees.",
        _COLOURS, _SEES,
    ),
    Game(
        "guesscolor", guessing.guesscolor, (1,), 1,
        "You and the other agent each see a colour, blue or yellow, drawn apart. Naming the colour "
        "that the other sees is worth 10, naming the wrong one -10, safe 5; the team earns the "
        "mean of the two.",
        {**_COLOURS, "safe": "take 5."}, _SEES,
    ),
    Game(
        "staghunt", guessing.staghunt, (2,), 2,
        "First turn: if anyone says a, the team earns 0.5 and the game is over. If both say b, "
        "each gets a private state, a or b, drawn apart. Second turn: the team earns 1 if each "
        "says the other's state, else nothing.",
        _AB,
        {"state=a": "Your private state is a.", "state=b": "Your private state is b.",
         "over": "The game is over."},
    ),
    Game(
        "dectiger", tiger.dectiger, (2, 3, 4), 3,
        "A tiger is behind the left or the right door, you do not know which. Both listen: -2, and "
        "each hears it at the right place in 85 cases of 100. Both open the door without it: "
        "20. Both open the tiger's: -50. Different doors: -100. One opens the tiger's door while "
        "the other listens: -101; the other door: 9. Whenever a door is opened the tiger is placed "
        "anew, and what is heard means nothing.",
        {"listen": "listen at the doors.", "left": "open the left door.",
         "right": "open the right door."},
        {"hear=left": "You heard the tiger on the left.",
         "hear=right": "You heard the tiger on the right."},
    ),
    Game(
        "recycling", robots.recycling, (2, 3, 4, 5, 6), 4,
        "You and the other agent are robots that collect cans. A low battery recovers in 2 "
        "cases of 10 (little) or 3 of 10 (big), and searching with one costs up to 3.88.",
        _CANS,
        {"battery=high": "Your battery is high.", "battery=low": "Your battery is low."},
    ),
    Game(
        "broadcast", channel.broadcast, (2, 3, 4, 5, 6), 4,
        _CHANNEL_RULES + "Sending empties your buffer whatever comes of it. After each turn you "
        "hear whether both sent, wrongly in 1 case of 10.",
        _CHANNEL,
        {"heard=collision": "You heard a collision.", "heard=nothing": "You heard no collision."},
    ),
    Game(
        "buffers", channel.buffers, (2, 3, 4, 5, 6), 4,
        _CHANNEL_RULES + "If both send, both keep their messages.",
        _CHANNEL,
        {"buffer=full": "You have a message.", "buffer=empty": "You have no message."},
    ),
    Game(
        "gridsmall", grid.gridsmall, (2, 3, 4), 3,
        "You and the other agent walk in a grid of two by two cells, from opposite corners (agent "
        "1 top right, agent 2 bottom left). The team earns 1 for each turn after which you are in "
        "one cell. A step goes where you meant it in 6 cases of 10, and each of the four other "
        "ways (staying among them) in 1 of 10. Walls stop you.",
        {"up": "step up.", "down": "step down.", "left": "step left.", "right": "step right.",
         "stay": "stay where you are, with certainty."},
        {"column=left": "You are in the left column.",
         "column=right": "You are in the right column."},
    ),
)}
"""All games, in the order of the documentation."""


def find(name: str) -> Game:
    """The game of that name. Raises ConfigError for an unknown one."""
    if not isinstance(name, str) or name not in GAMES:
        raise unknown_name("game", str(name), GAMES, "use one of these")
    return GAMES[name]


@lru_cache(maxsize=64)
def table(name: str, k: float = -30.0) -> DecPOMDP:
    """The table of a game; shared, so nobody may write into it."""
    return matrix.penalty(k) if name == "penalty" else find(name).make()
