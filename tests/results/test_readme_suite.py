"""The numbers of the suite's tables in README.md and results/suite, recomputed from the committed
records by numpy and scipy alone: nothing of what made them is imported here but the reader of TOML.
"""

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
BLOCKS = {"v3-mini": ("scores", "samples"), "v2": ("large", "large_samples"),
          "v1-hard": ("hard", "hard_samples")}
"""Each suite's tables on the page of the suites."""
ABOUT = {}
"""Of each task what its suite says; of those that v2 shares with v3-mini v2 has no records."""
for suite in BLOCKS:
    for task in load_toml(str(ROOT / f"colllm_bench/suites/{suite}.toml"))["task"]:
        ABOUT.setdefault(task["id"], {**task, "suite": suite})
TASKS = {suite: [t for t, about in ABOUT.items() if about["suite"] == suite] for suite in BLOCKS}
README, PAGE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "results/suite/README.md")
)


def block(text, name):
    found = text.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
    assert found, name
    return found.strip().splitlines()


def folder(suite):
    return ROOT / "results" / "suite" / suite / "reference"


def records(algo, task):
    lines = (folder(ABOUT[task]["suite"]) / f"{algo}.jsonl").read_text().splitlines()
    found = [r for r in map(json.loads, lines) if r["task"] == task]
    assert len({r["seed"] for r in found}) == len(found)
    assert not found or len(found) >= 5
    return found


def scores(algo, task):
    found = []
    for record in records(algo, task):
        low, high = record["range"]
        found.append((np.mean(record["returns"]) - low) / (high - low))
    return np.array(found)


def samples(algo, task):
    """Episodes to the threshold on the curve smoothed over 160 episodes, from 64 on; nan: never.
    Iterations without a score, on an easier task of a curriculum, are left out of the means."""
    found = []
    for record in records(algo, task):
        episodes = np.array(record["episodes"], float)
        assert episodes[-1] == ABOUT[task]["episodes"]
        sizes, values = np.diff(episodes, prepend=0), np.array(record["curve"], float)
        own = np.where(np.isnan(values), 0, sizes)
        line = []
        for i in range(len(episodes)):
            first = i  # the fewest last iterations that have 160 episodes together
            while first and sizes[first : i + 1].sum() < 160:
                first -= 1
            part = slice(first, i + 1)
            line.append(np.nansum(values[part] * sizes[part]) / max(own[part].sum(), 1e-9))
        enough, threshold = own.cumsum() >= 64, ABOUT[task]["threshold"]
        place = next((i for i, value in enumerate(line) if value >= threshold and enough[i]), None)
        if place is None:
            found.append(math.nan)
        elif place == 0 or not enough[place - 1]:
            found.append(episodes[place])
        else:
            part = (threshold - line[place - 1]) / (line[place] - line[place - 1])
            found.append(episodes[place - 1] + part * sizes[place])
    return np.array(found)


def permutation_p(ours, theirs, tie=1e-9):
    """Two-sided, exact: the share of all splits whose means differ as much. The runs are cut in
    two; splits are pairs of a choice from either part. ``tie``: sums so near are equal."""
    both, m = np.concatenate([ours, theirs]), len(ours)
    both = both - both.mean()
    seen = abs(both[:m].sum()) - tie
    parts = []
    for part in np.array_split(both, 2):
        masks = (np.arange(2 ** len(part))[:, None] >> np.arange(len(part))) & 1
        parts.append([np.sort((masks @ part)[masks.sum(1) == k]) for k in range(len(part) + 1)])
    inside = 0
    for k, left in enumerate(parts[0]):
        if 0 <= m - k < len(parts[1]):
            right = parts[1][m - k]
            inside += (np.searchsorted(right, seen - left) - np.searchsorted(
                right, -seen - left, side="right")).sum()
    return 1 - max(0, inside) / math.comb(len(both), m)


def test_the_permutations_are_all_splits():
    ours, theirs = np.array([0.9, 0.8, 0.1, 0.7]), np.array([0.6, 0.5, 0.65, 0.2, 0.3])
    both, seen = np.concatenate([ours, theirs]), abs(ours.mean() - theirs.mean())
    splits = list(itertools.combinations(range(9), 4))
    far = [abs(both[list(s)].mean() - np.delete(both, s).mean()) >= seen - 1e-12 for s in splits]
    assert permutation_p(ours, theirs) == pytest.approx(np.mean(far))
    assert permutation_p(ours, ours) == 1


def holm(values):
    order = np.argsort(values)
    corrected, running = np.zeros(len(values)), 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(values) - rank) * values[i])
        corrected[i] = min(1.0, running)
    return corrected


def rows(lines):
    """{first cell: {algorithm: cell}} of a table whose titles are algorithms."""
    names = [label(name) for name in re.findall(r"`([^`]+)`", lines[0])]
    found = {}
    for line in lines[2:]:
        first, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        found[first] = dict(zip(names, cells, strict=True))
    return found


def label(name):
    """``hier+replay=3`` for ``hier --replay 3``."""
    return re.sub(r" --([\w-]+) (\d+)", lambda x: f"+{x[1].replace('-', '_')}={x[2]}", name)


def of_tasks(lines):
    return {first.split()[0]: cells for first, cells in rows(lines).items()}


SCORES, SAMPLES = (
    {suite: of_tasks(block(PAGE, names[k])) for suite, names in BLOCKS.items()} for k in (0, 1)
)


@pytest.mark.parametrize("task", ABOUT)
def test_scores_and_samples_recompute(task):
    suite = ABOUT[task]["suite"]
    assert set(SCORES[suite]) == set(SAMPLES[suite]) == set(TASKS[suite])
    for algo, cell in SCORES[suite][task].items():
        if not cell:
            assert not records(algo, task)
            continue
        assert float(cell.split()[0]) == pytest.approx(scores(algo, task).mean(), abs=6e-4)
        cell, needed = SAMPLES[suite][task][algo], samples(algo, task)
        never = int(np.isnan(needed).sum())
        assert float(cell.split()[0]) == pytest.approx(np.exp(log(algo, task).mean()), abs=1)
        assert cell.endswith(f", {never} of {len(needed)} never") == bool(never)


def test_the_readme_shows_the_same_scores():
    shown, whole = of_tasks(block(README, "suite")), SCORES["v3-mini"]
    assert set(shown) == set(whole)
    assert all(whole[task][algo] == shown[task][algo] for task in shown for algo in shown[task])


@pytest.mark.parametrize(("suite", "name"), [
    ("v3-mini", "verdicts"), ("v1-hard", "hard_verdicts"),
])
def test_verdicts_recompute(suite, name):
    tasks = SCORES[suite]
    algorithms = list(next(iter(tasks.values())))
    assert set(algorithms) == {path.stem for path in folder(suite).glob("*.jsonl")}
    table = {label(name): cells for name, cells in rows(block(PAGE, name)).items()}
    for ours, theirs in itertools.combinations(algorithms, 2):
        both = [task for task, cells in tasks.items() if cells[ours] and cells[theirs]]
        told, mirrored = [], []
        for measure, sign in ((scores, 1), (log, -1)):
            pairs = [(measure(ours, task), measure(theirs, task)) for task in both]
            p = holm(np.array([permutation_p(a, b) for a, b in pairs]))
            gain = np.array([sign * (a.mean() - b.mean()) for a, b in pairs])
            won, lost = (np.sum((p <= 0.05) & (gain * side > 0)) for side in (1, -1))
            told.append(f"+{won} -{lost}")
            mirrored.append(f"+{lost} -{won}")
        assert table[f"`{ours}` against"][theirs] == " / ".join(told)
        assert table[f"`{theirs}` against"][ours] == " / ".join(mirrored)


ROUNDED = 5e-6
"""Sums of scores that are equal but for the five digits of a record's returns."""
NOBODY = "no run of either got there"


@pytest.mark.parametrize(("name", "change", "suite"), [
    ("replay", "+replay=3", "v3-mini"), ("large_counts", "+critic_counts=1024", "v2"),
])
def test_variants_recompute(name, change, suite):
    lines = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in block(PAGE, name)[2:]]
    algorithms = list(dict.fromkeys(line[0].strip("`") for line in lines))
    there = folder(suite).glob("*+*.jsonl")
    assert set(algorithms) == {path.name.partition("+")[0] for path in there}
    for algo in algorithms:
        own = [line for line in lines if line[0] == f"`{algo}`"]
        tests = {"score": [], "samples": []}
        for _, task, *cells in own:
            sides = [(algo + change, task), (algo, task)]
            ours, theirs = (scores(*side) for side in sides)
            told = [float(cells[k].split()[0]) for k in (0, 1, 2)]
            wanted = [ours.mean(), theirs.mean(), ours.mean() - theirs.mean()]
            assert told == pytest.approx(wanted, abs=6e-4)
            tests["score"].append(permutation_p(ours, theirs, ROUNDED))
            ours, theirs = (log(*side) for side in sides)
            told = [float(cells[k].split()[0]) for k in (3, 4)]
            assert told == pytest.approx(np.exp([ours.mean(), theirs.mean()]), abs=1)
            if np.isnan([*samples(*sides[0]), *samples(*sides[1])]).all():
                assert cells[5] == NOBODY
                continue
            assert float(cells[5].split()[0]) == pytest.approx(
                np.exp(ours.mean() - theirs.mean()), abs=0.006
            )
            tests["samples"].append(permutation_p(ours, theirs))
        for column, kind in ((2, "score"), (5, "samples")):
            told = [float(line[2 + column].rpartition(" p ")[2]) for line in own
                    if line[2 + column] != NOBODY]
            assert told == pytest.approx(holm(np.array(tests[kind])), abs=6e-4)


def log(algo, task):
    return np.log(np.nan_to_num(samples(algo, task), nan=ABOUT[task]["episodes"]))
