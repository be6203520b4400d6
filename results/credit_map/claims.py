"""The seed paper's three claims, each judged by rules written before its runs.

arXiv 2601.21972: (1) short tasks with dense rewards: Monte-Carlo and both critics are comparable;
(2) long tasks with sparse rewards: the centralized critic is ahead, Monte-Carlo needs about three
times its samples, decentralized critics do not converge reliably; (3) with many agents
decentralized critics are cheaper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis import WARM_UP, Map

MARGIN = 1.4
"""Samples that differ by less than this factor are comparable."""
SHOWN, REFUTED, UNDECIDED, NOT_RUN = "shown", "refuted", "undecided", "not run"


@dataclass(frozen=True)
class Verdict:
    """What became of a claim, and why."""

    claim: str
    verdict: str
    reason: str


def verdicts(own: Map) -> list[Verdict]:
    """All parts of the three claims."""
    return [
        comparable(own, "dense"), ahead(own, "turns 32"), three_times(own, "turns 32"),
        unreliable(own, "turns 32"), cheaper(own, "agents 8"),
    ]


def comparable(own: Map, name: str) -> Verdict:
    """Shown if both intervals lie within the margin; refuted if a difference is significant and
    beyond it."""
    claim = "Dense reward, short: `mc`, `dc` and `cc` are comparable"
    if name not in own.names:
        return Verdict(claim, NOT_RUN, "")
    found = [own.tests[name, learner, "mc"] for learner in ("cc", "dc")]
    reason = "; ".join(
        f"`{learner}` needs {spread(ratio)} times `mc`'s episodes (p {p:.2g})"
        for learner, (ratio, p) in zip(("cc", "dc"), found, strict=True)
    ) + f"; comparable: within {MARGIN} times"
    if all(1 / MARGIN < ratio.low and ratio.high < MARGIN for ratio, _ in found):
        return Verdict(claim, SHOWN, reason)
    far = [p for ratio, p in found if abs(math.log(ratio.value)) > math.log(MARGIN)]
    return Verdict(claim, REFUTED if any(p <= 0.05 for p in far) else UNDECIDED, reason)


def ahead(own: Map, name: str) -> Verdict:
    """Shown or refuted by the sign of a significant difference from Monte-Carlo."""
    claim = "Sparse reward, long: `cc` is ahead of `mc`"
    if name not in own.names:
        return Verdict(claim, NOT_RUN, "")
    ratio, p = own.tests[name, "cc", "mc"]
    net = own.ratio(name, "cc", "mc", less=WARM_UP)
    reason = (
        f"`cc` needs {spread(ratio)} times `mc`'s episodes (p {p:.2g}); {spread(net)} times, if "
        f"the {WARM_UP} of its critic's warm-up are not counted"
    )
    if p > 0.05:
        return Verdict(claim, UNDECIDED, reason)
    return Verdict(claim, SHOWN if ratio.value < 1 else REFUTED, reason)


def three_times(own: Map, name: str) -> Verdict:
    """Shown if the interval holds 3 and excludes 1; refuted if it lies below 3."""
    claim = "Sparse reward, long: `mc` needs about three times `cc`'s samples"
    if name not in own.names:
        return Verdict(claim, NOT_RUN, "")
    ratio = own.ratio(name, "mc", "cc")
    reason = f"`mc` needs {spread(ratio)} times `cc`'s episodes"
    if ratio.high < 3:
        return Verdict(claim, REFUTED, reason)
    return Verdict(claim, SHOWN if 1 < ratio.low <= 3 else UNDECIDED, reason)


def unreliable(own: Map, name: str) -> Verdict:
    """Shown if a seed of ``dc`` fails to get to half where all of ``cc``'s do, and ``dc`` is
    significantly behind Monte-Carlo; refuted if all seeds get there and it is not behind."""
    claim = "Sparse reward, long: `dc` is unreliable"
    if name not in own.names:
        return Verdict(claim, NOT_RUN, "")
    ratio, p = own.tests[name, "dc", "mc"]
    reached = {
        learner: sum(map(math.isfinite, own.needed(name, learner))) for learner in ("dc", "cc")
    }
    n = len(own.needed(name, "dc"))
    reason = (
        f"{reached['dc']} of {n} runs of `dc` get to half right ({reached['cc']} of `cc`); `dc` "
        f"needs {spread(ratio)} times `mc`'s episodes (p {p:.2g})"
    )
    behind = p <= 0.05 and ratio.value > 1
    if reached["dc"] < reached["cc"] == n and behind:
        return Verdict(claim, SHOWN, reason)
    return Verdict(claim, REFUTED if reached["dc"] == n and not behind else UNDECIDED, reason)


def cheaper(own: Map, name: str) -> Verdict:
    """Shown if ``dc`` computes less and sends less, and is not significantly behind."""
    claim = "Many agents: `dc` is cheaper than `cc`"
    if (name, "cc", "dc") not in own.tests:
        return Verdict(claim, NOT_RUN, "")
    ratio, p = own.tests[name, "cc", "dc"]
    seconds = {x: own.mean(name, x, "cpu_seconds") for x in ("dc", "cc")}
    sent = {x: own.mean(name, x, "bytes_exchanged") for x in ("dc", "cc")}
    reason = (
        f"8 agents: {seconds['dc']:.1f} CPU seconds a run against {seconds['cc']:.1f}, "
        f"{sent['dc'] / 1e6:.2f} MB sent against {sent['cc'] / 1e6:.2f}; `cc` needs "
        f"{spread(ratio)} times `dc`'s episodes (p {p:.2g})"
    )
    saves = seconds["dc"] < seconds["cc"] and sent["dc"] < sent["cc"]
    costs = seconds["dc"] > seconds["cc"] and sent["dc"] > sent["cc"]
    behind = p <= 0.05 and ratio.value < 1
    if saves and not behind:
        return Verdict(claim, SHOWN, reason)
    return Verdict(claim, REFUTED if costs and not p <= 0.05 else UNDECIDED, reason)


def spread(ratio: object) -> str:
    """A ratio with its interval: ``0.71 (0.55 to 0.92)``."""
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def bold(ratio: object) -> str:
    """A ratio with its interval; bold where that excludes 1, nothing where it was not run."""
    if ratio is None:
        return ""
    text = spread(ratio)
    return f"**{text}**" if ratio.low > 1 or ratio.high < 1 else text
