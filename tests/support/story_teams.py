"""Stories of a team, scored."""

from __future__ import annotations

from colllm_bench.envs.writing import text
from colllm_bench.envs.writing.language.premises import Character, Premise
from colllm_bench.envs.writing.scoring import fluency, rewards

UNTRAINED = 0.2
"""A bound below the untrained built-in model's mean quality (docs/writing.md has the mean)."""

PREMISE = Premise(
    Character("Mira", "she"), Character("Todan", "he"), "Kelford", "lantern", "thief", "stole",
    "dark", ("rope", "bread", "window"),
)  # fmt: skip


def team(sections, premise=PREMISE, wanted=30, judge="reference"):
    """The team's components and quality."""
    cleaned = [text.clean(section) or "" for section in sections]
    rows = rewards.score(cleaned, premise, wanted, fluency.scorer(judge))
    means = {name: sum(values) / len(values) for name, values in rows.items()}
    return means | {"quality": rewards.quality(means)}
