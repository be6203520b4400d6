"""What the map's picture says, in sentences made from the numbers."""

from __future__ import annotations

from analysis import WARM_UP, Map
from cells import GAE_LAMBDA
from claims import spread

EIGHT = "agents 8, lambda 0.5"


def in_short(own: Map) -> list[str]:
    """What the picture says, in sentences; of the settings that have what a sentence needs."""
    lines = ["## In short", ""]
    for learner in ("cc", "dc"):
        ratios = {name: own.ratio(name, learner, "mc") for name in own.names}
        ahead = [name for name, ratio in ratios.items() if ratio.high < 1]
        behind = [name for name, ratio in ratios.items() if ratio.low > 1]
        lines.append(
            f"- Learned `{learner}` against Monte-Carlo, over {len(ratios)} settings: ahead in "
            f"{len(ahead)}{listed(ahead)}, behind in {len(behind)}{listed(behind)}, not to be told "
            f"apart in {len(ratios) - len(ahead) - len(behind)} (intervals over five seeds)."
        )
    pairs = [(own.ratio(name, "cc", "cc oracle"), name) for name in own.names]
    costs = [(ratio.value, name) for ratio, name in pairs if ratio]
    lines.append(
        "- What learning the critic costs: `cc` takes " + between(costs) + " times the episodes "
        f"of `cc` with a perfect critic; {WARM_UP} episodes of that are the default warm-up."
    )
    pairs = [(own.ratio(name, "dc oracle", "cc oracle"), name) for name in own.names]
    gains = [(ratio.value, name) for ratio, name in pairs if ratio]
    lines.append(
        "- What reading everybody's history brings: perfect local critics take " + between(gains)
        + " times the episodes of a perfect joint one."
    )
    pairs = [(own.ratio(name, "hier oracle", "cc oracle"), name) for name in own.names]
    gains = [(ratio.value, name) for ratio, name in pairs if ratio]
    if gains:
        lines.append(
            "- What a baseline that knows the teammates' actions can bring: with perfect values "
            "`hier` takes " + between(gains) + " times the episodes of `cc`. Of the advantage's "
            f"variance it takes out the teammates' part of the same turn, at lambda {GAE_LAMBDA:g} "
            f"at most {1 - GAE_LAMBDA**2:.0%} of the whole, however many they are; what they do "
            "in later turns stays (P6)."
        )
    limits = [own.ratio(name, "hier oracle", "cc") for name in ("agents 8", EIGHT)]
    if all(limits):
        lines.append(
            f"- With eight agents `hier` with perfect values takes {spread(limits[0])} times the "
            f"episodes of learned `cc` (at lambda 0.5 {spread(limits[1])}): to halve `cc`'s "
            "samples by better credit alone a critic must know nearly everything. Learned, `hier` "
            f"takes {spread(own.ratio('agents 8', 'hier', 'cc'))} and "
            f"{spread(own.ratio(EIGHT, 'hier', 'cc'))} times."
        )
    ratio = own.ratio("centre", "mc", "cc oracle")
    lines.append(
        f"- Signal is not speed: on the centre a perfect joint critic has "
        f"{own.signal('centre', 'cc'):.1f} times Monte-Carlo's signal and saves "
        f"{1 - 1 / ratio.value:.0%} of its episodes. Steps have a length of their own "
        "(normalized advantages, Adam, clipped ratios)."
    )
    return lines


def listed(names: list[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def between(values: list[tuple[float, str]]) -> str:
    """``1.1 (dense) to 1.9 (turns 32)``."""
    ends = [min(values), max(values)][: len(values)]
    return " to ".join(f"{value:.2f} ({name})" for value, name in ends)
