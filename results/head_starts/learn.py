"""Head starts: a critic carried over from another run, and curricula; with against without.

    python results/head_starts/learn.py                        # what is missing, seed by seed
    python results/head_starts/learn.py --studies curriculum --seeds 0:3
    python results/head_starts/page.py                         # README.md from the rows

A run appends one row to ``rows.jsonl`` and is not run again while the row is there. Critics come
from a run of the source's task with another seed, one for each seed of the target (one for all
where a run takes a minute); they are written below ``--critics`` and are not committed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from colllm_bench.config import RunConfig  # noqa: E402
from colllm_bench.runs.provenance import environment  # noqa: E402

HERE = Path(__file__).parent
ROWS = HERE / "rows.jsonl"
CREDIT = {"env": "credit", "lr": 6e-3, "batch": 32, "episodes": 512, "eval_episodes": 128}
"""As in results/credit_map."""
SIEGE = {"env": "strategy", "agents": 3, "algo": "cc", "batch": 64, "eval_episodes": 200}
HARD = {**SIEGE, "batch": 32, "episodes": 1600, "env_options": {"level": "hard"}}
WITH = {"critic_from": True, "critic_warmup": 0}
"""``critic_from`` is filled in with the source's critic; a critic that knows something need not
warm up."""
CRITICS = {
    "as usual": {},
    "as usual, no warm-up": {"critic_warmup": 0},
    "carried over": WITH,
    "carried over, warm-up": {"critic_from": True},
}
CURRICULA = {name: {"curriculum": name} for name in ("none", "levels", "backward", "anneal")}
LEARNERS = {
    f"{algo}, {curriculum}": {"algo": algo, "curriculum": curriculum}
    for algo, curriculum in (
        ("cc", "levels"), ("mc", "levels"), ("dc", "levels"), ("hier", "levels"), ("mc", "none"),
    )
}


@dataclass(frozen=True)
class Study:
    """A task, and the conditions that are compared on it.

    Attributes:
        target: settings of the runs that are compared.
        conditions: name to what it adds; the first is the one that the others are held against.
        source: settings of the runs whose critics are carried over.
        one_source: one source run for all seeds.
    """

    target: dict[str, Any]
    conditions: dict[str, dict[str, Any]]
    source: dict[str, Any] | None = None
    one_source: bool = False


STUDIES = {
    "hier, 4 agents to 12": Study(
        {**CREDIT, "algo": "hier", "agents": 12}, CRITICS,
        {**CREDIT, "algo": "hier", "agents": 4},
    ),
    "cc, 8 turns to 16": Study(
        {**CREDIT, "algo": "cc", "agents": 3, "env_options": {"turns": 16}}, CRITICS,
        {**CREDIT, "algo": "cc", "agents": 3, "env_options": {"turns": 8}},
    ),
    "cc, strategy level 1 to 2": Study(
        {**SIEGE, "episodes": 1280, "env_options": {"level": 2}},
        {name: CRITICS[name] for name in ("as usual", "as usual, no warm-up", "carried over")},
        {**SIEGE, "episodes": 1280, "env_options": {"level": 1}}, one_source=True,
    ),
    "curriculum": Study(HARD, CURRICULA),
    "algorithms": Study(HARD, LEARNERS),
}

Job = tuple[str, str, int]
"""Study, condition, seed."""


def config_of(job: Job, critics: Path) -> RunConfig:
    """What a job runs."""
    name, condition, seed = job
    study, options, changed = STUDIES[name], {}, {}
    for key, value in study.conditions[condition].items():
        if key == "critic_from":
            options[key] = str(source(name, seed, critics))
        else:
            (options if key.startswith("critic_") else changed)[key] = value
    return RunConfig(
        **study.target | changed, algo_options=options, seed=seed, threads=1,
        gradient_snr_every=0,
    )


def source(name: str, seed: int, critics: Path) -> Path:
    """The folder of the critic that is carried over to a seed; trained where it is missing."""
    from colllm_bench.learners import critic_files
    from colllm_bench.training.loop import train

    study = STUDIES[name]
    own = 500 + (0 if study.one_source else seed)  # no seed of a target
    folder = critics / f"{name} seed {own}"
    if not (folder / critic_files.ABOUT).exists():
        folder.mkdir(parents=True, exist_ok=True)
        trainer = train(RunConfig(**study.source, seed=own, threads=1, gradient_snr_every=0))
        critic_files.save(trainer.critic, folder)
    return folder


def run(job: Job, critics: Path) -> dict[str, Any]:
    """Train and evaluate one team; its row."""
    import torch

    from colllm_bench.evaluation.held_out import evaluate_team
    from colllm_bench.training.callbacks import Callback
    from colllm_bench.training.loop import train

    torch.set_num_threads(1)
    config = config_of(job, critics)
    curve: list[float] = []
    metrics: dict[str, list[float | None]] = {}
    noted = ("explained_variance", "curriculum_stage", "curriculum_weight")

    class Curve(Callback):
        def on_iteration(self, row, episodes):
            curve.append(round(fmean(map(done_right, episodes)), 5))
            for key in noted:
                value = row.get(key)
                if value is not None:
                    metrics.setdefault(key, []).append(round(value, 4) if value == value else None)

    wall, cpu = time.perf_counter(), time.process_time()
    trainer = train(config, callback=Curve())
    played = evaluate_team(trainer.config, trainer.team)
    name, condition, seed = job
    return {
        "study": name, "condition": condition, "seed": seed, "episodes": config.episodes,
        "batch": config.batch, "held_out": fmean(map(done_right, played)), "curve": curve,
        **metrics, "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }


def done_right(episode: Any) -> float:
    """An episode's share of right answers (credit), or whether it was won."""
    score = episode.trajectories[0].turns[-1].info["score"]
    return float(score["right"] if "right" in score else episode.success)


def rows() -> list[dict[str, Any]]:
    """What has been run."""
    lines = ROWS.read_text().splitlines() if ROWS.exists() else []
    return [row for row in map(json.loads, lines) if "study" in row]


def missing(studies: list[str], seeds: range, conditions: list[str]) -> Iterator[Job]:
    """Seed by seed, so that a study that was stopped compares like with like; all conditions
    where none is named."""
    there = {(row["study"], row["condition"], row["seed"]) for row in rows()}
    for seed in seeds:
        for name in studies:
            for condition in conditions or STUDIES[name].conditions:
                if (name, condition, seed) not in there:
                    yield name, condition, seed


def append(row: dict[str, Any]) -> None:
    with ROWS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", default=";".join(STUDIES), help="separated by ;")
    parser.add_argument("--seeds", default="0:5")
    parser.add_argument("--conditions", default="", help="separated by ;")
    parser.add_argument("--critics", type=Path, default=HERE / "critics")
    options = parser.parse_args()
    seeds, named = range(*map(int, options.seeds.split(":"))), options.conditions
    jobs = list(missing(options.studies.split(";"), seeds, named.split(";") if named else []))
    if jobs:
        append({"environment": environment()})
    for job in jobs:
        row = run(job, options.critics)
        append(row)
        print(*job, f"held out {row['held_out']:.3f}, {row['cpu_seconds']} s", flush=True)


if __name__ == "__main__":
    main()
