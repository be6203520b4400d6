"""Every number that a report shows of a group, in one list.

:data:`METRICS` serves the Markdown, CSV and LaTeX tables, the page's columns and plots, and the
figures. To add a metric, add a line to it::

    Metric("episode_length", "episode length", "Turns of a training episode, on average.",
           per_run(mean_of("length"), low=0.0), unit="turns", better="low"),

It is then in ``data.json``, in the CSV tables, on the page (in each group's details, and to be
chosen for the plots) and in the figure ``SETTING-variance``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from colllm_bench.leaderboard.data.collection import Group
from colllm_bench.leaderboard.statistics import variability as v
from colllm_bench.leaderboard.statistics.finals import final, on_such_tasks
from colllm_bench.leaderboard.statistics.measures import samples_to
from colllm_bench.leaderboard.statistics.variability import Statistic, mean_of, per_run


@dataclass(frozen=True)
class Metric:
    """A number of a group of runs, and how it is shown.

    Attributes:
        id: its name in ``data.json`` and the head of its CSV column.
        title: in tables, on axes and on the page.
        help: a sentence that says what is measured.
        value: of a group: an estimate over its runs (a dict with ``value``, ``low``, ``high``,
            ``n``, ``seeds``), one number of the whole group, or None.
        unit: of the value, where its format does not say it; "" for a pure number.
        format: of the page's cells: ``number``, ``share``, ``count``, ``seconds``, ``bytes``.
        scale: factor from the value to what ``format`` shows (MiB to bytes).
        digits: behind the point, in Markdown and LaTeX tables.
        better: ``high``, ``low``, or None where neither is.
        domain: what an axis shows at least, or None.
        in_table: in the Markdown and LaTeX tables: ``value``, ``interval``, or ``seeds`` (interval
            and every seed); None for no column. CSV tables have every metric.
        in_print: also in the LaTeX table, whose page is narrow.
        in_page: ``column`` of the page's table, ``strip`` (a column with the seeds drawn), or
            ``detail``: below the row, and to be chosen for the plots.
        in_plot: figures that draw it: ``finals``, ``samples``, ``variance``, ``scaling``.
        references: measure (``score``, ``success``, ``return``) whose reference teams a plot
            shows beside it, or None.
        fallback_of: id of a metric; tables show this one only for groups without that one.
    """

    id: str
    title: str
    help: str
    value: Statistic
    unit: str = ""
    format: str = "number"
    scale: float = 1
    digits: int = 3
    better: str | None = "high"
    domain: tuple[float, float] | None = None
    in_table: str | None = None
    in_print: bool = False
    in_page: str = "detail"
    in_plot: tuple[str, ...] = ("variance",)
    references: str | None = None
    fallback_of: str | None = None

    @property
    def label(self) -> str:
        """The title with its unit, for axes and the heads of tables."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


SCALE = (
    "0 is the random team, 1 the scripted expert; in environments whose best values are known "
    "(classic) 0 is the best blind team, 1 the optimal one"
)
"""The ends of the score, for captions."""

FINALS = [
    Metric("score_mean", "held-out score",
           f"Return of the trained team on held-out tasks; {SCALE}. The interval is for other "
           "runs on these tasks.", final("score", "mean"),
           domain=(0, 1), in_table="seeds", in_print=True,
           in_page="strip", in_plot=("finals", "scaling"), references="score"),
    Metric("score_on_such_tasks", "held-out score on such tasks",
           "The same mean; its interval is for other runs on other tasks of the same kind.",
           on_such_tasks("score"), domain=(0, 1), in_table="interval", in_plot=(),
           references="score"),
    Metric("score_median", "held-out score, median", "Median of the runs' scores.",
           final("score", "median"), domain=(0, 1), in_plot=(), references="score"),
    Metric("score_iqm", "held-out score, IQM",
           "Interquartile mean, of the middle half of the runs' scores: less moved by one lucky or "
           "unlucky run.", final("score", "iqm"), domain=(0, 1), in_table="interval",
           in_print=True, in_plot=(), references="score"),
    Metric("score_optimality_gap", "optimality gap",
           "How far below the expert's score runs are on average; what lies above does not make "
           "up.", final("score", "optimality_gap"), better="low", in_plot=()),
    Metric("success_mean", "held-out win rate",
           "Share of held-out tasks that the trained team wins.", final("success", "mean"),
           format="share", domain=(0, 1), in_table="interval", in_page="column",
           in_plot=("finals", "scaling"), references="success"),
    Metric("return_mean", "held-out return",
           "Return of the trained team on held-out tasks, as the environment pays it.",
           final("return", "mean"), in_table="seeds", in_print=True,
           in_plot=("finals", "scaling"), references="return", fallback_of="score_mean"),
]
"""The trained teams on held-out tasks. One of the means ranks a group (its ``measure``)."""

METRICS = [
    Metric("area_under_curve", "area under the curve",
           "Mean over all training episodes: high for those that learn early and keep it.",
           v.area_under_curve, domain=(0, 1), in_table="interval", in_page="column"),
    Metric("dispersion_across_time", "dispersion over time",
           "Interquartile range of the steps from iteration to iteration, in a sliding window.",
           v.dispersion_across_time, better="low"),
    Metric("short_term_risk", "short-term risk",
           "Mean of the worst 5% of the steps from iteration to iteration: how bad a sudden loss "
           "is.", v.short_term_risk),
    Metric("long_term_risk", "long-term risk",
           "Mean of the worst 5% of the drawdowns: how far a run falls below its best so far.",
           v.long_term_risk),
    Metric("dispersion_across_runs", "dispersion over runs",
           "Interquartile range over runs at each iteration, averaged.",
           v.dispersion_across_runs, better="low", in_plot=()),
    Metric("risk_across_runs", "risk over runs",
           "Mean of the worst 5% of the runs' final scores; of fewer than 20 runs, the worst one.",
           v.risk_across_runs, in_plot=()),
    Metric("std_across_runs", "deviation over runs",
           "Standard deviation of the runs' final scores.", v.std_across_runs, better="low",
           in_plot=()),
    Metric("std_error_of_runs", "error over runs",
           "Standard error of the mean over runs, on these held-out tasks.",
           v.std_error_of_runs, better="low", in_table="value", in_plot=()),
    Metric("std_error_of_tasks", "error over tasks",
           "Standard error that the held-out tasks, the same for all runs, add to the mean as a "
           "sample of such tasks.", v.std_error_of_tasks, better="low", in_table="value",
           in_plot=()),
    Metric("std_error_of_episodes", "error of the episodes",
           "Standard error of one run's result over other tasks. Runs share their tasks, so it is "
           "no part of how far they differ.", v.std_error_of_episodes, better="low", in_plot=()),
    Metric("gradient_snr", "gradient signal to noise",
           "Signal over noise of the policy gradient, from parts of the batch at frozen "
           "parameters.", per_run(v.gradient_snr), in_table="interval"),
    Metric("advantage_variance", "advantage variance",
           "Variance of the advantages, before they are normalized.",
           per_run(mean_of("advantage_variance"), low=0.0), better=None),
    Metric("explained_variance", "explained variance",
           "Share of the return's variance that the critic explains; median over iterations.",
           v.explained_variance, digits=2, in_table="interval", in_plot=()),
    Metric("invalid", "invalid actions",
           "Share of the trained team's held-out turns whose text the environment did not "
           "understand.", v.invalid_share, format="share", better="low", domain=(0, 1),
           in_table="interval", in_plot=()),
    Metric("seconds_per_iteration", "time per iteration",
           "Wall time of an iteration, median; compare only on equal machines.",
           per_run(v.seconds_per_iteration, low=0.0), unit="s", format="seconds", digits=2,
           better="low", in_table="interval", in_plot=("scaling",)),
    Metric("peak_memory_mib", "peak memory",
           "Largest memory of a run: on a GPU its own, else the process's.",
           per_run(v.peak_memory, low=0.0), unit="MiB", format="bytes", scale=2**20,
           better="low", in_table="value", in_plot=("scaling",)),
    Metric("bytes_exchanged", "bytes exchanged per iteration",
           "What the agents' learners have to send to each other in an iteration.",
           per_run(mean_of("bytes_exchanged"), low=0.0), format="bytes", better="low",
           in_plot=("scaling",)),
]
"""What varies, what it costs. A new metric belongs here."""


# -- samples to a threshold, and the measures of curves


@dataclass(frozen=True)
class Scale:
    """What an axis or a sample count is in: id in ``data.json``, title, format of its numbers, the
    range that an axis shows at least, and the unit where a bare number does not say it."""

    id: str
    title: str
    format: str = "number"
    domain: tuple[float, float] | None = None
    unit: str = ""

    @property
    def label(self) -> str:
        return f"{self.title}, {self.unit}" if self.unit else self.title


UNITS = [
    Scale("episodes", "training episodes", "count"),
    Scale("agent_turns", "agent-turns", "count"),
    Scale("tokens", "generated tokens", "count"),
    Scale("seconds", "training time", "seconds", unit="s"),
]
"""What samples are counted in."""
CURVES = [
    Scale("score", "training score", domain=(0, 1)),
    Scale("success", "training win rate", "share", (0, 1)),
    Scale("return", "training return"),
]
"""What learning curves show; the same names are a group's possible main measures."""
AGGREGATES = {
    "mean": "mean", "median": "median", "iqm": "IQM", "optimality_gap": "optimality gap",
}
"""Titles of the aggregates over several settings."""


def sample_metrics(thresholds: Sequence[float]) -> list[Metric]:
    """Samples to each threshold, in each unit."""
    last = max(thresholds, default=None)
    return [
        Metric(
            f"{unit.id}_to_{threshold:g}", f"{unit.title} to score {threshold:g}",
            f"{unit.title.capitalize()} until the smoothed training score is at {threshold:g}; "
            "geometric mean over runs. A run that never got there counts as its budget (a "
            "restricted mean).",
            samples_to(threshold, unit.id), format=unit.format, better="low",
            in_table="seeds" if unit.id == "episodes" else None, in_print=unit.id == "episodes",
            in_page="column" if (unit.id, threshold) == ("episodes", last) else "detail",
            in_plot={"episodes": ("samples", "scaling") if threshold == last else ("samples",)}
            .get(unit.id, ()),
        )
        for threshold in thresholds for unit in UNITS
    ]


def all_metrics(thresholds: Sequence[float]) -> list[Metric]:
    """Every metric of a report, in the order of its tables."""
    return [*FINALS, *sample_metrics(thresholds), *METRICS]


def main_metric(group: dict[str, Any]) -> str:
    """Id of the metric that ranks a described group."""
    return f"{group['measure']}_mean"


def measured(group: Group, thresholds: Sequence[float]) -> dict[str, dict[str, Any] | None]:
    """A group's value of every metric, by id.

    Returns:
        Estimates (``value``, ``low``, ``high``, ``n``, ``seeds``; samples also ``reached`` and
        ``bound``). A number of the whole group has no interval, and None as ``seeds``.
    """
    values = {metric.id: metric.value(group) for metric in all_metrics(thresholds)}
    return {
        name: {"value": value, "low": None, "high": None, "n": len(group.runs), "seeds": None}
        if isinstance(value, float) else value
        for name, value in values.items()
    }
