"""What commanders read and write.

Two styles carry the same information. ``brief`` is for small models: eight words in fixed places,
each one token of the built-in tokenizer. ``full`` is plain English with the rules.
"""

from __future__ import annotations

import re
import unicodedata

from colllm_bench.envs import answers
from colllm_bench.envs.labels import labelled
from colllm_bench.envs.strategy.rules import ORDERS, RESULTS, SUPPLY_CAP, Front, State

STYLES = ("brief", "full")
SIGHTS = {
    "clear": "The road ahead looks clear.",
    "tracks": "There are tracks on the road ahead: an ambush.",
    "gate": "You stand at the gate; the enemy's reserve is elsewhere.",
    "reserve": "You stand at the gate, and the enemy's reserve is in the fort.",
    "fallen": "Your fort has fallen; the enemy's reserve is not here.",
    "lured": "Your fort has fallen; the enemy's reserve has ridden here.",
}
"""What a commander sees, in one word and in plain English."""

MESSAGE_LENGTH = 40
"""Longest message to the other commanders, in characters."""
MAX_ACTION = 4096
"""Longest action that the action space contains, in characters."""
MAX_OBSERVATION = 2048
"""Longest observation, in characters: 15 messages included."""

_ORDERS = frozenset(ORDERS)
_LINE_ENDS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def sight(state: State, i: int) -> str:
    """One of :data:`SIGHTS`: what commander ``i`` sees where the army stands."""
    front = state.fronts[i]
    if front.wall == 0:
        return "lured" if i in state.reserves else "fallen"
    if front.road:
        return "tracks" if front.road[0] else "clear"
    return "reserve" if i in state.reserves else "gate"


def parse(text: object, messages: bool = False) -> tuple[str | None, str]:
    """(order, message) of an action; the order is None if the text gives none.

    The grammar is ``ORDER`` or ``ORDER | MESSAGE`` on the first line that is not blank; case,
    and punctuation around the word, do not matter; lines below are ignored. The order must
    stand alone: text that merely mentions an order ("do not strike yet") gives none, so
    rambling never pays. Where the first line is none, an order counts that is marked as the
    answer: in a fence, a tag, a box or a JSON object (:mod:`colllm_bench.envs.answers`), as the
    one item of a list, or behind a label ("Order: march"); two that differ are none.
    """
    cleaned = answers.clean(text)
    if not cleaned.isprintable():
        cleaned = _LINE_ENDS.sub("\n", cleaned)
    order, tail = _found(cleaned)
    if order is None and not cleaned.isascii():  # full-width letters, invisible ones in a word
        order, tail = _found(answers.without_invisible(unicodedata.normalize("NFKC", cleaned)))
    return order, clean_message(tail) if messages and tail else ""


def _found(cleaned: str) -> tuple[str | None, str]:
    """(order, message as written) of a cleaned answer."""
    order, tail = _on_first_line(cleaned[:MAX_ACTION])
    if order is None:
        found = {_on_first_line(content) for content in answers.unwrapped(cleaned)}
        found |= {
            pair for content in answers.unwrapped(cleaned)
            for pair in labelled(content, _on_first_line)
        }
        found = {pair for pair in found if pair[0]} or set(labelled(cleaned, _on_first_line))
        if len({word for word, _ in found}) != 1:
            return None, ""
        order, tail = max(found)
    return order, tail


def _on_first_line(text: str) -> tuple[str | None, str]:
    """(order, rest) of ``ORDER`` or ``ORDER | REST`` on the first line that is not blank."""
    line = text.strip().partition("\n")[0]
    head, _, tail = line.partition("|")
    order = answers.plain_word(head)
    return (order, tail) if order in _ORDERS else (None, "")


def fault(text: object) -> str:
    """What is wrong with the form of an action that gives no order, in a few words."""
    missing = answers.missing(text)
    if missing:
        return missing
    words = set(re.findall(r"\w+", answers.clean(text)[:MAX_ACTION].lower()))
    named = [order for order in ORDERS if order in words]
    if not named:
        return "it names none of " + ", ".join(ORDERS)
    if len(named) > 1:
        return "it names several orders: " + ", ".join(named)
    return f"it mentions {named[0]}, but an order must stand alone or behind a label (Order: march)"


def clean_message(text: str) -> str:
    """A message as others see it: printable, one line, at most 40 characters.

    The characters ``< > |`` are dropped, so that no message can imitate chat markup.
    """
    kept = "".join(c if c.isprintable() else " " for c in text[:200] if c not in "<>|")
    return " ".join(kept.split())[:MESSAGE_LENGTH].strip()


def brief(state: State, i: int) -> str:
    """Eight words: days left, road, army, garrison, wall, supply, sight, last result.

    Few and unmistakable: a label and its value are one word, hence one token, so transcripts
    stay short and a small model need not count places.
    """
    front = state.fronts[i]
    road = len(front.road)
    if road and not front.scouted:
        garrison = wall = "?"
    else:
        garrison, wall = front.garrison, front.wall
    return (
        f"left={state.turns - state.day} road={road} army={front.army} garrison={garrison} "
        f"wall={wall} supply={state.supply} {sight(state, i)} {front.result}"
    )


def full(state: State, i: int) -> str:
    """The same information as :func:`brief`, in plain English."""
    front = state.fronts[i]
    left = state.turns - state.day
    parts = [
        RESULTS[front.result],
        f"{left} {'day is' if left == 1 else 'days are'} left.",
        _where(front),
        f"Your army has {_count(front.army, 'troop')}; the shared pool has "
        f"{_count(state.supply, 'wagon')} of supply.",
        SIGHTS[sight(state, i)],
    ]
    return " ".join(parts)


def _where(front: Front) -> str:
    if front.road and not front.scouted:
        return f"The gate is {_count(len(front.road), 'cell')} away; the fort is still unseen."
    if front.wall == 0:
        return f"The fort, once held by a garrison of {front.garrison}, is yours."
    place = f"The gate is {_count(len(front.road), 'cell')} away" if front.road else "You are there"
    return (
        f"{place}; the fort has a garrison of {front.garrison} and "
        f"{_count(front.wall, 'wall segment')} left."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def observe(state: State, style: str, inbox: list[tuple[int, str]] | None = None) -> list[str]:
    """Every commander's observation, in order of the fronts.

    Args:
        state: the campaign.
        style: ``"brief"`` or ``"full"``.
        inbox: (front's index, message) of the last day; shown to all others.
    """
    write = brief if style == "brief" else full
    texts = [write(state, i) for i in range(len(state.fronts))]
    for sender, message in inbox or ():
        for i in range(len(texts)):
            if i != sender:
                texts[i] += f"\nfrom front {sender + 1}: {message}"
    return texts


def brief_instructions(state: State, i: int, level: int, messages: bool) -> str:
    """A handful of words: which front, of how many, which level, how many days."""
    text = f"front {i + 1} of {len(state.fronts)} level {level} turns {state.turns}"
    return text + " messages" if messages else text


def full_instructions(state: State, i: int, level: int, messages: bool) -> str:
    """Role, rules and grammar in plain English."""
    n = len(state.fronts)
    rules = [
        f"You are commander {i + 1} of {n} in a siege that lasts {state.turns} days. Each "
        f"commander has a front of their own: a road of a few cells that leads to an enemy fort. "
        f"You win together, and only if all {n} forts have fallen before the days run out. You "
        f"see your own front and the shared supply pool, not the other fronts.",
        "Every day each commander gives one order, all at the same time:",
        "march: move one cell along the road. Marching into an ambush costs two troops and "
        "the day.",
        "scout: clear an ambush on the next cell, and see the fort's garrison and walls.",
        "train: turn one wagon of supply into one troop (at most 6). All commanders draw on "
        "one pool; if there are too few wagons lots are drawn, and those left out waste the day.",
        "strike: only at the gate. If your army is at least the garrison and the enemy's reserve "
        "is not there, one wall segment falls; otherwise you are repelled and lose one troop. The "
        "fort falls with its last segment.",
        "hold: do nothing.",
        "send: give up one troop to put one wagon into the pool.",
        f"Every ten days {_count(state.income, 'wagon')} arrive in the pool, "
        f"which holds at most {SUPPLY_CAP}.",
        f"The enemy has {_count(len(state.reserves), 'mobile reserve')}. At night they ride to "
        f"fronts that struck that day, drawn by lot; if nobody struck they stay. When your fort "
        f"has fallen you can still strike as a feint, to lure a reserve away from the others.",
    ]
    if state.breach:
        rules.append(
            "The last wall segment of a fort falls only if another front also strikes on the same "
            "day or struck the day before, or if all the other forts have fallen."
        )
    rules.append("Answer with one order and nothing else: " + ", ".join(ORDERS) + ".")
    if messages:
        rules.append(
            f"You may add a message of at most {MESSAGE_LENGTH} characters for the other "
            f"commanders after a bar, for example: strike | at the gate, need supply."
        )
    return "\n".join(rules)


def everything(state: State) -> str:
    """The whole state, a line a front, what is hidden from commanders included."""
    lines = [
        f"day {state.day} of {state.turns} supply {state.supply} income {state.income}/10 "
        f"reserves {' '.join(str(at + 1) for at in state.reserves)} "
        f"struck {' '.join(str(i + 1) for i in state.struck) or '-'}"
    ]
    for i, front in enumerate(state.fronts):
        road = "".join("x" if cell else "." for cell in front.road) or "-"
        lines.append(
            f"front {i + 1} road {road} army {front.army} garrison {front.garrison} "
            f"wall {front.wall} scouted {int(front.scouted)} {sight(state, i)} {front.result}"
        )
    return "\n".join(lines)
