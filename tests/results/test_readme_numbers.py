"""The numbers of README's results, recomputed from the run folders by numpy and scipy alone:
nothing of what made them is imported here."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVS, METHODS = ("strategy", "coding", "writing"), ("mc", "dc", "cc", "central")
NUMBER = r"[+-]?\d+(?:\.\d+)?"


def summaries(env, method):
    paths = sorted((REFERENCE / env / method / "default").glob("seed*/summary.json"))
    return [json.loads(path.read_text()) for path in paths]


def returns(summary, team):
    return np.array(summary["held_out"][team]["returns"])


def ends(summary):
    return returns(summary, "random").mean(), returns(summary, "scripted").mean()


def by_task(env, method):
    """[runs, tasks] normalized scores of the trained teams."""
    rows = []
    for summary in summaries(env, method):
        low, high = ends(summary)
        rows.append((returns(summary, "trained") - low) / (high - low))
    return np.array(rows)


def curve(env, method, seed, look_back=3):
    """Episodes, and the training score smoothed over the last iterations (three: 160 episodes)."""
    folder = REFERENCE / env / method / "default" / f"seed{seed}"
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    low, high = ends(json.loads((folder / "summary.json").read_text()))
    score = (np.array([row["return"] for row in rows]) - low) / (high - low)
    episodes = np.array([row["episodes"] for row in rows])
    assert (np.diff(episodes, prepend=0) == 64).all()
    starts = [max(0, i + 1 - look_back) for i in range(len(score))]
    return episodes, np.array([score[start : i + 1].mean() for i, start in enumerate(starts)])


def needed(env, method, threshold=0.5):
    """Episodes of each run to the threshold; all of them get there."""
    found = []
    for seed in range(len(summaries(env, method))):
        episodes, smoothed = curve(env, method, seed)
        i = int(np.argmax(smoothed >= threshold))
        assert smoothed[i] >= threshold
        before = (episodes[i - 1], smoothed[i - 1])
        part = (threshold - before[1]) / (smoothed[i] - before[1])
        found.append(before[0] + part * 64)
    return np.array(found)


def chance(scores):
    """Variance of a run's mean by what neither the run nor the task explains."""
    runs, tasks = scores.shape
    left = scores - scores.mean(1, keepdims=True) - scores.mean(0) + scores.mean()
    return (left**2).sum() / ((runs - 1) * (tasks - 1) * tasks)


def possible(env, method):
    """The range of the scores of all held-out episodes, with 0 and 1."""
    found = [0.0, 1.0]
    for summary in summaries(env, method):
        low, high = ends(summary)
        found += [(r - low) / (high - low) for team in summary["held_out"]
                  for r in returns(summary, team)]
    return min(found), max(found)


def on_these(env, method):
    scores, (low, high) = by_task(env, method), possible(env, method)
    means, n = scores.mean(1), len(scores)
    variance = max(means.var(ddof=1), chance(scores))
    half = stats.t.ppf(0.975, n - 1) * (1 + 1.5 / (n + 2)) * math.sqrt(variance / n)
    share = stats.beta.ppf(0.975, 1, n + 9)
    middle = means.mean()
    return (middle, max(low, middle - max(half, share * (middle - low))),
            min(high, middle + max(half, share * (high - middle))))


def apart(ours, theirs, least):
    """Difference of means with Welch's interval, each variance at least ``least``."""
    parts = [(max(x.var(ddof=1), least) / len(x), len(x)) for x in (ours, theirs)]
    total = sum(part for part, _ in parts)
    freedom = int(total**2 / sum(part**2 / (n - 1) for part, n in parts))
    half = stats.t.ppf(0.975, freedom) * (1 + 1.5 / (freedom + 3)) * math.sqrt(total)
    middle = ours.mean() - theirs.mean()
    return middle, middle - half, middle + half


def difference(env, ours, theirs):
    a, b = by_task(env, ours), by_task(env, theirs)
    return apart(a.mean(1), b.mean(1), (chance(a) + chance(b)) / 2)


def ratio(env, ours, theirs):
    a, b = needed(env, ours), needed(env, theirs)
    least = np.mean([((64 / x) ** 2 / 12).mean() for x in (a, b)])
    return tuple(map(math.exp, apart(np.log(a), np.log(b), least)))


def section(name):
    return README.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]


def rows(name):
    for line in section(name).strip().splitlines()[2:]:
        title, *cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        env = next(env for env in ENVS if env in title)
        yield (f"{env} in training" if "training" in title else env), cells


def printed(cell):
    return [float(number) for number in re.findall(NUMBER, cell)]


@pytest.mark.parametrize("env", ENVS)
def test_training_scores_are_those_of_the_last_five_iterations(env):
    _, *cells = dict(rows("results"))[f"{env} in training"]
    for method, cell in zip(METHODS, cells, strict=True):
        ends = [curve(env, method, seed, look_back=5)[1][-1]
                for seed in range(len(summaries(env, method)))]
        assert printed(cell) == pytest.approx([np.mean(ends)] if ends else [], abs=5.01e-4)


@pytest.mark.parametrize("env", ENVS)
def test_the_table_of_scores(env):
    cells = dict(rows("results"))[env]
    untrained = [s["score"]["untrained"]["mean"] for s in summaries(env, "cc")]
    assert printed(cells[0]) == pytest.approx([np.mean(untrained)], abs=5.01e-4)
    for method, cell in zip(METHODS, cells[1:], strict=True):
        n = len(summaries(env, method))
        if n < 2:
            assert (cell == "") == (n == 0) and (n == 0 or "(n = 1)" in cell)
            continue
        assert n == 3
        mean, low, high = printed(cell)
        expected = on_these(env, method)
        assert mean == pytest.approx(expected[0], abs=5.01e-4)
        assert (low, high) == pytest.approx(expected[1:], abs=5.01e-3)


PAIRS = (("mc", "dc"), ("mc", "cc"), ("dc", "cc"))


@pytest.mark.parametrize("env", ENVS)
def test_the_table_of_comparisons(env):
    cells = dict(rows("comparisons"))[env]
    for (ours, theirs), cell in zip(PAIRS, cells[:3], strict=True):
        assert printed(cell) == pytest.approx(difference(env, ours, theirs), abs=5.01e-4)
    for (ours, theirs), cell in zip(PAIRS, cells[3:], strict=True):
        assert printed(cell) == pytest.approx(ratio(env, ours, theirs), abs=5.01e-3)


SAID = README.partition("<!-- comparisons: end -->")[2].partition("## Your own algorithm")[0]


def said(pattern):
    found = re.search(pattern.replace("#", f"({NUMBER})"), SAID)
    assert found, f"README does not say: {pattern}"
    return [float(number) for number in found.groups()]


def test_what_is_said_of_all_runs():
    gains = [
        s["score"]["trained"]["mean"] - s["score"]["untrained"]["mean"]
        for env in ENVS for method in METHODS for s in summaries(env, method)
    ]
    runs, least = said(r"each of the # runs ended at least # above")
    assert runs == len(gains) and least <= min(gains) < least + 0.01


def test_what_is_said_of_scores():
    for env in ENVS:
        for pair in PAIRS:
            _, low, high = difference(env, *pair)
            assert low < 0 < high
    assert said(r"three runs a side can give is #\.") == [2 / math.comb(6, 3)]
    worst = np.sort(by_task("strategy", "mc").mean(1))[:2]
    assert said(r"two ended at # and #")[::-1] == pytest.approx(worst, abs=5.01e-3)
    (least,) = said(r"all six of the critics' at # and above")
    found = min(by_task("strategy", method).mean(1).min() for method in ("cc", "dc"))
    assert least <= found < least + 0.01


def test_what_is_said_of_the_controller():
    ends = said(r"a team 0\.10\) and ends at #, # and #, between `mc`'s worst")
    scores = by_task("strategy", "central").mean(1)
    assert ends == pytest.approx(scores, abs=5.01e-3)
    mc = by_task("strategy", "mc").mean(1)
    best = min(by_task("strategy", method).mean(1).min() for method in ("cc", "dc"))
    assert mc.min() < scores.min() and scores.max() < min(mc.max(), best)
    start, other, team = said(r"as high as a team \(#, and # of 600 other games; a team #\)")
    rows = json.loads((ROOT / "results" / "tuning" / "untrained.json").read_text())["rows"]
    found = {row["algo"]: row["mean"] for row in rows if (row["env"], row["agents"]) == (
        "strategy", 3)}
    starts = [s["score"]["untrained"]["mean"] for s in summaries("strategy", "central")]
    assert start == pytest.approx(np.mean(starts), abs=5.01e-3)
    assert [other, team] == pytest.approx([found["central"], found["cc"]], abs=6e-3)


def test_what_is_said_of_samples():
    for env, words in (("strategy", ("times the episodes of", "times those of")),
                       ("coding", ("times those of", "times those of"))):
        part = SAID[SAID.index(f"On `{env}`"):]
        for other, word in zip(("dc", "cc"), words, strict=True):
            pattern = rf"({NUMBER}) {word} `{other}` \(({NUMBER}) to ({NUMBER})\)"
            found = [float(x) for x in re.search(pattern, part).groups()]
            assert found == pytest.approx(ratio(env, "mc", other), abs=5.01e-3)
    (alone,) = said(r"train alone for their first # episodes")
    assert alone > needed("coding", "cc").mean() - needed("coding", "mc").mean()


def test_what_is_said_of_tasks():
    tasks, runs = [], []
    for method in ("mc", "dc", "cc"):
        scores, summary = by_task("writing", method), summaries("writing", method)[0]
        low, high = ends(summary)
        floor, ceiling = (
            (returns(summary, team) - low) / (high - low) for team in ("random", "scripted")
        )
        off = scores.mean(0) - floor - scores.mean() * (ceiling - floor)
        left = chance(scores) * scores.shape[1] / len(scores)
        tasks.append(math.sqrt((off.var(ddof=1) - left) / scores.shape[1]))
        runs.append(scores.mean(1).std(ddof=1) / math.sqrt(len(scores)))
    found = said(r"standard error of # to #, where runs have # to # \(n = 3\)")
    expected = [min(tasks), max(tasks), min(runs), max(runs)]
    assert found == pytest.approx(expected, abs=5.01e-4)


def test_every_number_of_failures_is_that_of_three_runs():
    before = README.partition("<!-- results: begin -->")[0]
    (rate,) = re.search(r"do not exclude that up to (\d+)% of runs fail", before).groups()
    assert int(rate) == round(100 * (1 - 0.05 ** (1 / 3)))


def test_training_tasks_are_as_many_as_it_says():
    distinct, group = said(r"`mc` sees # distinct training tasks, # episodes of each")
    once = re.search(r"the critics see (\d+),(\d+), each once", SAID).expand(r"\1\2")
    config = json.loads((REFERENCE / "strategy/mc/default/seed0/config.json").read_text())["config"]
    assert distinct * group == float(once) == config["episodes"] and group == config["group"]
