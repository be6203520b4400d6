"""Checks of a seed's ``metrics.jsonl`` and ``timing.jsonl`` that play nothing.

The files are read a line at a time, and no further than a training of these settings could have
written: one line an iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError
from colllm_bench.leaderboard.submissions.document import check_type
from colllm_bench.leaderboard.submissions.reading import Submission
from colllm_bench.leaderboard.submissions.strict_json import InvalidSubmission, rows_of
from colllm_bench.setup.curriculum import OWN, Curriculum

PLAYED = frozenset(
    {"iteration", "episodes", "return", "length", "invalid", "agent_turns", "tokens"}
)
"""In every line, whatever the algorithm."""
CRITIC = frozenset({"explained_variance", "value_loss", "critic_grad_norm"})
"""In every line of an algorithm with the built-in critic, and in none without a critic."""
ACTOR = frozenset({"policy_loss", "clip_fraction", "actor_grad_norm", "actor_steps"})
"""In every line of an iteration in which the actors learn."""
BOUNDS = {
    **dict.fromkeys(("success", "invalid", "clip_fraction", "effective_sample_size"), (0.0, 1.0)),
    **dict.fromkeys((
        "explained_variance", "explained_variance_early", "explained_variance_middle",
        "explained_variance_late", "explained_variance_in_turn",
    ), (float("-inf"), 1.0)),
    **dict.fromkeys((
        "value_loss", "value_loss_last", "critic_grad_norm", "actor_grad_norm", "actor_steps",
        "advantage_variance", "bytes_exchanged", "replayed",
    ), (0.0, float("inf"))),
}
"""Smallest and largest value of what the harness writes, whatever the algorithm."""
TOKENS_A_SECOND = 1e8
"""Faster than this no machine has sampled: an H100 reaches 1e5 with a model of 0.6B."""


def record_faults(submission: Submission, seed: int) -> Iterator[str]:
    """The faults of a seed's training record, a line each."""
    config = submission.configs[seed]
    for name, check in (("metrics.jsonl", _metrics_faults), ("timing.jsonl", _timing_faults)):
        where = f"seed{seed}/{name}"
        try:
            # One line more than there may be shows that there are too many.
            rows = islice(rows_of(submission.folder / where, where), config.iterations + 1)
            faults = list(check(config, rows, submission.run(seed)))
        except InvalidSubmission as reason:
            faults = [str(reason)]
        yield from (f"seed {seed}: {fault}" for fault in faults)


def returns_of(submission: Submission, seed: int, curriculum: Curriculum) -> list[float]:
    """[iterations] mean returns of the training, as recorded; lines without one are left out, and
    those of an easier task that the run's ``curriculum`` played."""
    where = f"seed{seed}/metrics.jsonl"
    rows = islice(rows_of(submission.folder / where, where), submission.configs[seed].iterations)
    return [
        row["return"] for row in rows
        if type(row.get("return")) in (int, float) and curriculum.is_over(row)
    ]


def own_task_faults(submission: Submission, seed: int, curriculum: Curriculum) -> Iterator[str]:
    """Lines that say of an easier task that it was the run's own, or the reverse: samples to a
    score are counted on the run's own."""
    where = f"seed{seed}/metrics.jsonl"
    rows = islice(rows_of(submission.folder / where, where), submission.configs[seed].iterations)
    for count, row in enumerate(rows, 1):
        if OWN in row and row[OWN] != float(curriculum.is_over(row)):
            yield f"line {count} of metrics.jsonl says {OWN} {row[OWN]!r:.20}, and it is not so"
            return


def _metrics_faults(config: RunConfig, rows: Any, run: dict[str, Any]) -> Iterator[str]:
    """As many lines as iterations, of as many episodes, with what the algorithm writes."""
    required, foreign = metric_names(config)
    count = 0
    for count, row in enumerate(rows, 1):
        k = count - 1
        if k == config.iterations:
            yield f"metrics.jsonl has more lines than the {k} iterations of its settings"
            return
        if (row.get("iteration"), row.get("episodes")) != (k, (k + 1) * config.batch):
            yield f"line {count} of metrics.jsonl is of another batch or iteration"
            return
        for name in ("return", "length", "agent_turns", "tokens"):
            check_type(row.get(name), float, f"line {count} of metrics.jsonl: {name}")
        lacks, odd = sorted(required(k) - row.keys()), sorted(foreign & row.keys())
        if lacks:
            yield (f"line {count} of metrics.jsonl lacks {lacks[0]!r}, which {config.algo[:40]} "
                   "writes with these settings")
            return
        if odd:
            yield (f"line {count} of metrics.jsonl has {odd[0]!r}, which {config.algo[:40]} "
                   "does not write")
            return
        if fault := _impossible(config, row):
            yield f"line {count} of metrics.jsonl: {fault}, which cannot be"
            return
    if count < config.iterations:
        yield f"metrics.jsonl has {count} whole lines, not {config.iterations}"


def _impossible(config: RunConfig, row: dict[str, Any]) -> str | None:
    """A count or a metric of the harness that no training can have; None: there is none."""
    least = config.batch * row["length"]  # turns of all episodes: in each at least one agent acts
    most = least * config.agents
    if row["length"] < 1 or not 0.999 * least <= row["agent_turns"] <= 1.001 * most:
        return f"agent_turns is {row['agent_turns']:g} with length {row['length']:g}"
    if row["tokens"] < 0:
        return f"tokens is {row['tokens']:g}"
    for name, value in row.items():
        low, high = BOUNDS.get(name, (None, None))
        if low is None or value is None:
            continue
        check_type(value, float, name)
        if not low <= value <= high + 1e-6:
            return f"{name} is {value:g}"
    return None


def metric_names(config: RunConfig) -> tuple[Callable[[int], frozenset[str]], frozenset[str]]:
    """(names that line k must have, by k; names that no line may have).

    Of an algorithm that is not built in only what every training writes is known: its code is
    not loaded.
    """
    if config.algo not in registry.ALGORITHMS:
        return lambda k: PLAYED, frozenset()
    from colllm_bench.baselines.actor_critic import ActorCritic
    from colllm_bench.baselines.algorithm import Algorithm
    from colllm_bench.setup.validate import load_algorithm

    algorithm = load_algorithm(config.algo)
    try:
        made = algorithm(config)
    except (ColllmError, TypeError):  # options of another algorithm
        raise InvalidSubmission(
            f"the settings are not those of the algorithm {config.algo!r:.60}"
        ) from None
    builders = {Algorithm.build_critic, ActorCritic.build_critic}
    # A critic of an algorithm's own, or an oracle, writes what it likes.
    learned = getattr(made.options, "critic", "learned") == "learned"
    always, foreign = PLAYED, frozenset()
    if algorithm.build_critic in builders and learned:
        always, foreign = (
            (PLAYED | CRITIC, foreign) if algorithm.critic_input is not None else (PLAYED, CRITIC)
        )
    actor = ACTOR if algorithm.loss is Algorithm.loss else frozenset()
    return lambda k: always | (actor if made.trains_actors(k) else frozenset()), foreign


def _timing_faults(config: RunConfig, rows: Any, run: dict[str, Any]) -> Iterator[str]:
    """Seconds and memory that a machine could have taken; a line an iteration at most."""
    gib = run["environment"].get("memory_gib")
    memory = gib * 1024 * 1.01 if type(gib) in (int, float) else float("inf")
    for count, row in enumerate(rows, 1):
        where = f"line {count} of timing.jsonl"
        if count > config.iterations or row.get("iteration") != count - 1:
            yield f"{where} is of no iteration, or of another"
            return
        for name, value in row.items():
            check_type(value, float | None, f"{where}: {name:.60}")
            if value is not None and value < 0:
                yield f"{where}: {name:.60} is {value:g}, which cannot be"
                return
        seconds = row.get("rollout")
        # Every episode has at least one token of each agent's first action.
        least = config.batch / TOKENS_A_SECOND
        if seconds is None or seconds < least:
            yield f"{where}: rollout is {seconds}, which cannot be: {config.batch} episodes"
            return
        if (row.get("memory_mib") or 0) > memory:
            yield (f"{where}: memory_mib is {row['memory_mib']:g}, more than the machine's "
                   f"{gib:g} GiB")
            return


def training_seconds(submission: Submission) -> float:
    """Seconds of training of all seeds together, by their own timing; 0 where none is recorded."""
    total = 0.0
    for seed, config in submission.configs.items():
        where = f"seed{seed}/timing.jsonl"
        for row in islice(rows_of(submission.folder / where, where), config.iterations):
            total += sum(row.get(name) or 0.0 for name in ("rollout", "learn"))
    return total
