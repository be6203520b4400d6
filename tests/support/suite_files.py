"""A suite of two tasks, and records of it, made by hand."""

from __future__ import annotations

from pathlib import Path
from random import Random

from colllm_bench.suites.spec import Suite, load_suite

SUITE = '''
title = "two tasks"
seeds = "0:3"
[settings]
model = "tiny"
eval_episodes = 20
[search]
draws = 4
rungs = [0.5, 1.0]
keep = 0.5
seeds = [900]
seed = 1
[search.ranges.lr]
low = 1e-3
high = 1e-2
log = true
[[task]]
id = "a"
isolates = "something"
env = "strategy_v0"
agents = 2
env_options = { level = 1 }
episodes = 640
threshold = 0.3
[task.stated]
untrained = [0.1, 0.05, 0.2]
blind = 0.0
[[task]]
id = "b"
env = "writing_v0"
agents = 3
episodes = 640
threshold = 0.4
'''


def make_suite(folder: Path, text: str = SUITE) -> Suite:
    (folder / "mine.toml").write_text(text)
    return load_suite(str(folder / "mine.toml"))


def make_records(suite: Suite, algo: str, level: float, seeds: int = 5, soon: float = 0.5) -> list:
    """Runs of every task that end at about ``level``, at half of it after a share ``soon``."""
    records = []
    for task in suite.tasks:
        for seed in range(seeds):
            rng = Random(f"{algo}/{task.id}/{seed}")
            won = [float(rng.random() < level) for _ in range(40)]
            episodes = list(range(32, task.episodes + 1, 32))
            curve = [min(level, level * e / (2 * soon * task.episodes)) for e in episodes]
            records.append({
                "suite": suite.name, "digest": suite.digest, "task": task.id, "algo": algo,
                "seed": seed, "version": "0.0", "settings": {}, "draws": None,
                "score": sum(won) / 40,
                "untrained": 0.1, "returns": won, "successes": [int(w) for w in won],
                "range": [0.0, 1.0], "references": [[0.0] * 40, [1.0] * 40], "episodes": episodes,
                "curve": [value + rng.gauss(0, 0.01) for value in curve], "agent_turns": 1,
                "tokens": 1, "seconds": 10.0, "cpu": "a",
            })
    return records
