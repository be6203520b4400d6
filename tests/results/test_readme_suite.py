"""The README's numbers of the suite, recomputed from the committed records by numpy and scipy
alone: nothing of what made them is imported here but the reader of TOML."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from colllm_bench.cli import load_toml

ROOT = Path(__file__).resolve().parents[2]
SUITE = load_toml(str(ROOT / "colllm_bench/suites/v3-mini.toml"))
TASKS = {task["id"]: task for task in SUITE["task"]}
FOLDER = ROOT / "results" / "suite" / "v3-mini" / "reference"
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK, REPLAY = (
    README.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
    for name in ("suite", "replay")
)


def records(algo, task):
    lines = (FOLDER / f"{algo}.jsonl").read_text().splitlines()
    found = [r for r in map(json.loads, lines) if r["task"] == task]
    assert len({r["seed"] for r in found}) == len(found) >= 3
    return found


def scores(algo, task):
    found = []
    for record in records(algo, task):
        low, high = record["range"]
        found.append((np.mean(record["returns"]) - low) / (high - low))
    return np.array(found)


def samples(algo, task):
    """Episodes to the threshold on the curve smoothed over 160 episodes, from 64 on; nan: never."""
    found = []
    for record in records(algo, task):
        episodes = np.array(record["episodes"], float)
        assert episodes[-1] == TASKS[task]["episodes"]
        sizes, values = np.diff(episodes, prepend=0), np.array(record["curve"])
        line = []
        for i in range(len(episodes)):
            first = i  # the fewest last iterations that have 160 episodes together
            while first and sizes[first : i + 1].sum() < 160:
                first -= 1
            line.append(np.average(values[first : i + 1], weights=sizes[first : i + 1]))
        place = next((i for i, value in enumerate(line)
                      if value >= TASKS[task]["threshold"] and episodes[i] >= 64), None)
        if place is None:
            found.append(math.nan)
        elif place == 0 or episodes[place - 1] < 64:
            found.append(episodes[place])
        else:
            part = (TASKS[task]["threshold"] - line[place - 1]) / (line[place] - line[place - 1])
            found.append(episodes[place - 1] + part * sizes[place])
    return np.array(found)


def permutation_p(ours, theirs):
    """Two-sided, exact: the share of all splits whose means differ as much."""
    both, m = np.concatenate([ours, theirs]), len(ours)
    seen = abs(ours.mean() - theirs.mean())
    splits = list(itertools.combinations(range(len(both)), m))
    far = 0
    for split in splits:
        mask = np.zeros(len(both), bool)
        mask[list(split)] = True
        far += abs(both[mask].mean() - both[~mask].mean()) >= seen - 1e-12
    return far / len(splits)


def holm(values):
    order = np.argsort(values)
    corrected, running = np.zeros(len(values)), 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(values) - rank) * values[i])
        corrected[i] = min(1.0, running)
    return corrected


def rows(title):
    lines = BLOCK.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {title} |"))
    names = re.findall(r"`(\w+)`", lines[start])
    found = {}
    for line in itertools.takewhile(lambda x: x.startswith("|"), lines[start + 2 :]):
        task, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        found[task.split()[0]] = dict(zip(names, cells, strict=True))
    return found


@pytest.mark.parametrize("task", TASKS)
def test_scores_and_samples_recompute(task):
    assert set(rows("held-out score")) == set(TASKS)
    for algo, cell in rows("held-out score")[task].items():
        assert float(cell.split()[0]) == pytest.approx(scores(algo, task).mean(), abs=6e-4)
    for algo, cell in rows("episodes to the threshold")[task].items():
        needed = samples(algo, task)
        never = int(np.isnan(needed).sum())
        assert float(cell.split()[0]) == pytest.approx(np.exp(log(algo, task).mean()), abs=1)
        assert cell.endswith(f", {never} of {len(needed)} never") == bool(never)


def test_verdicts_recompute():
    algorithms = list(next(iter(rows("held-out score").values())))
    table = rows("tasks won and lost")
    assert list(table) == [f"`{algo}`" for algo in algorithms]
    for ours, theirs in itertools.product(algorithms, repeat=2):
        expected = []
        for measure, sign in ((scores, 1), (log, -1)):
            pairs = [(measure(ours, task), measure(theirs, task)) for task in TASKS]
            p = holm(np.array([permutation_p(a, b) for a, b in pairs]))
            gain = np.array([sign * (a.mean() - b.mean()) for a, b in pairs])
            won, lost = (np.sum((p <= 0.05) & (gain * side > 0)) for side in (1, -1))
            expected.append(f"+{won} -{lost}")
        told = table[f"`{ours}`"][theirs]
        assert told == ("" if ours == theirs else " / ".join(expected))


def test_replay_recomputes():
    lines = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in REPLAY.splitlines() if line.startswith("| `") and "task" not in line]
    algorithms = list(dict.fromkeys(line[0].strip("`") for line in lines))
    assert set(algorithms) == {path.name.partition("+")[0] for path in FOLDER.glob("*+*.jsonl")}
    for algo in algorithms:
        own = [line for line in lines if line[0] == f"`{algo}`"]
        tests = {"score": [], "samples": []}
        for _, task, *cells in own:
            sides = [(f"{algo}+replay=3", task), (algo, task)]
            ours, theirs = (scores(*side) for side in sides)
            told = [float(cells[k].split()[0]) for k in (0, 1, 2)]
            wanted = [ours.mean(), theirs.mean(), ours.mean() - theirs.mean()]
            assert told == pytest.approx(wanted, abs=6e-4)
            tests["score"].append(permutation_p(ours, theirs))
            ours, theirs = (log(*side) for side in sides)
            told = [float(cells[k].split()[0]) for k in (3, 4, 5)]
            assert told[:2] == pytest.approx(np.exp([ours.mean(), theirs.mean()]), abs=1)
            assert told[2] == pytest.approx(np.exp(ours.mean() - theirs.mean()), abs=0.006)
            tests["samples"].append(permutation_p(ours, theirs))
        for column, kind in ((2, "score"), (5, "samples")):
            told = [float(line[2 + column].rpartition(" p ")[2]) for line in own]
            assert told == pytest.approx(holm(np.array(tests[kind])), abs=6e-4)


def log(algo, task):
    return np.log(np.nan_to_num(samples(algo, task), nan=TASKS[task]["episodes"]))
