"""Who learns sooner: every learner on every cell of the map, five seeds each.

    python results/credit_map/learn.py --jobs 2     # runs what is missing, in the map's order
    python results/credit_map/learn.py --tune       # the learning rates, on seeds 900 and 901

All learners of a cell have the same learning rate, lambda, batch and number of episodes, and the
defaults for everything else. A run appends one row to ``learn.jsonl`` (``tune.jsonl``) and is not
run again while the row is there: stop and go on at any time. Rows are whole runs; a curve is the
share of right answers in each iteration's training episodes, which no cell's rewards, coin or
noise change.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from cells import CELLS, CORE, LEARNERS, TESTED, TUNED, cell  # noqa: E402

from colllm_bench.config import RunConfig  # noqa: E402
from colllm_bench.runs.provenance import environment  # noqa: E402

HERE = Path(__file__).parent
SETTINGS = {
    "mc": ("mc", {}), "dc": ("dc", {}), "cc": ("cc", {}),
    "cc oracle": ("cc", {"critic": "oracle:joint"}),
    "dc oracle": ("dc", {"critic": "oracle:local"}),
    "hier": ("hier", {}),
    "hier oracle": ("hier", {"critic": "oracle:joint"}),
}
"""Algorithm and options of each learner."""
SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (900, 901)
RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2)
LR = 6e-3
"""Of all learners on all cells: see tune.jsonl and the page."""
EPISODES, BATCH, HELD_OUT = 512, 32, 128

Job = tuple[str, str, float, int]
"""Cell, learner, learning rate, seed."""


def config_of(job: Job, episodes: int = EPISODES, held_out: int = HELD_OUT) -> RunConfig:
    """What a job runs."""
    name, learner, lr, seed = job
    own, (algo, options) = cell(name), SETTINGS[learner]
    if algo != "mc":
        options = {**options, "gae_lambda": own.gae_lambda}
    return RunConfig(
        env="credit", agents=own.agents, env_options=own.options, algo=algo, algo_options=options,
        lr=lr, seed=seed, episodes=episodes, batch=BATCH, eval_episodes=held_out, threads=1,
        gradient_snr_every=0,
    )


def run(job: Job, episodes: int = EPISODES, held_out: int = HELD_OUT) -> dict[str, Any]:
    """Train and evaluate one team; its row."""
    import torch

    from colllm_bench.evaluation.held_out import evaluate_team
    from colllm_bench.training.callbacks import Callback
    from colllm_bench.training.loop import train

    torch.set_num_threads(1)
    curve: list[float] = []
    bytes_exchanged: list[float] = []
    explained: list[float | None] = []

    class Curve(Callback):
        def on_iteration(self, row, episodes):
            curve.append(round(fmean(map(right, episodes)), 5))
            bytes_exchanged.append(row["bytes_exchanged"])
            value = row.get("explained_variance")
            explained.append(None if value is None or value != value else round(value, 4))

    wall, cpu = time.perf_counter(), time.process_time()
    config = config_of(job, episodes, held_out)
    trainer = train(config, callback=Curve())
    played = evaluate_team(trainer.config, trainer.team)
    name, learner, lr, seed = job
    return {
        "cell": name, "learner": learner, "lr": lr, "seed": seed, "episodes": episodes,
        "right": fmean(map(right, played)),
        "result": fmean(e.trajectories[0].turns[-1].info["score"]["result"] for e in played),
        "curve": curve, "explained_variance": explained,
        "bytes_exchanged": round(sum(bytes_exchanged)),
        "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }


def right(episode: Any) -> float:
    """An episode's share of right answers."""
    return episode.trajectories[0].turns[-1].info["score"]["right"]


def jobs(tune: bool) -> Iterator[Job]:
    """All jobs, what tells most first: the cells that are tested, with the learners that every
    cell needs, with perfect critics; the other cells; all that is left."""
    if tune:
        for seed, lr, learner in itertools.product(TUNING_SEEDS, RATES, TUNED):
            yield "centre", learner, lr, seed
        return
    oracles = tuple(learner for learner in LEARNERS if learner.endswith("oracle"))
    parts = ((TESTED, CORE), (TESTED, oracles), (CELLS, CORE), (CELLS, LEARNERS))
    done: set[Job] = set()
    for cells, learners in parts:
        for own in cells:
            wanted = [learner for learner in own.learners if learner in learners]
            for seed, learner in itertools.product(SEEDS, wanted):
                job = own.name, learner, LR, seed
                if job not in done:
                    done.add(job)
                    yield job


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; a last line that was cut off is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"{path.name}: a line that was cut off is left out", file=sys.stderr)
    return rows


def missing(path: Path, wanted: Iterator[Job]) -> list[Job]:
    """The jobs that have no row yet."""
    there = {(row["cell"], row["learner"], row["lr"], row["seed"]) for row in read(path)}
    return [job for job in wanted if job not in there]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", action="store_true", help="the learning rates, on the centre")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, a thread each")
    parser.add_argument("--cells", help="only these, by name: 'centre;turns 32, dense'")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no run after these")
    parser.add_argument("--out", type=Path, help="another file for the rows")
    args = parser.parse_args()
    path = args.out or HERE / ("tune.jsonl" if args.tune else "learn.jsonl")
    names = args.cells.split(";") if args.cells else [own.name for own in CELLS]
    left = [job for job in missing(path, jobs(args.tune)) if job[0] in names]
    kept = ("colllm_bench", "commit", "modified", "python", "system", "cpu", "cores")
    about = {key: value for key, value in environment().items() if key in kept}
    end = time.monotonic() + 60 * args.minutes
    with ProcessPoolExecutor(args.jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(run, job) for job in left[: args.jobs]}
        rest = iter(left[args.jobs :])
        while waiting:
            done = next(as_completed(waiting))
            waiting.discard(done)
            row = done.result() | {"load": round(os.getloadavg()[0], 1), "machine": about}
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(*(row[key] for key in ("cell", "learner", "lr", "seed", "right", "cpu_seconds")),
                  flush=True)
            if time.monotonic() < end and (job := next(rest, None)):
                waiting.add(pool.submit(run, job))


if __name__ == "__main__":
    main()
