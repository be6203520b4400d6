"""The whole report: its numbers recomputed from the raw files by other code, its tables, plots
and exports, and what it says and survives."""

from __future__ import annotations

import csv
import json
import math
from itertools import combinations
from pathlib import Path
from statistics import fmean

import pytest
from made_runs import make_run
from PIL import Image
from report_by_hand import episodes_to, noise_of, raw, score_of, student
from report_command import build


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Three algorithms, two team sizes, unequal seeds; one run is torn, one of another version,
    and one method never gets anywhere."""
    root = tmp_path_factory.mktemp("results")
    for agents in (2, 4):
        name = f"agents{agents}"
        for seed in range(4):
            make_run(root, "strategy", "cc", name, seed, agents=agents, iterations=30, rise=0.4)
        for seed in range(3):
            make_run(root, "strategy", "mc", name, seed, agents=agents, iterations=30, rise=1.5)
    for seed in range(2):
        make_run(root, "strategy", "dc", "agents2", seed, agents=2, iterations=30, rise=30.0,
                 final=0.3)
    make_run(root, "strategy", "cc", "agents2", 9, agents=2, iterations=30, version="0.0.9")
    torn = make_run(root, "strategy", "cc", "agents2", 8, agents=2, iterations=30) / "metrics.jsonl"
    torn.write_bytes(torn.read_bytes()[:-700])
    return root


@pytest.fixture(scope="module")
def report(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    done = build(results, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done, json.loads((out / "data.json").read_text())


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# -- independent recomputation


CASES = [("cc", 2, 4), ("cc", 4, 4), ("mc", 2, 3), ("mc", 4, 3), ("dc", 2, 2)]


@pytest.mark.parametrize(("algo", "agents", "n"), CASES)
def test_the_reports_numbers_follow_from_the_raw_files(results, report, algo, agents, n):
    folders = [results / "strategy" / algo / f"agents{agents}" / f"seed{k}" for k in range(n)]
    runs = [raw(folder) for folder in folders]
    row = next(row for row in table(report[0] / "tables" / "strategy.csv")
               if row["algo"] == algo and row["agents"] == str(agents))
    assert row["n"] == str(n) and row["seeds"] == " ".join(map(str, range(n)))

    def agree(name, expected):
        mean, low, high = expected
        assert float(row[name]) == pytest.approx(mean, rel=1e-9)
        assert float(row[f"{name}_low"]) == pytest.approx(low, rel=1e-5, abs=1e-9)
        assert float(row[f"{name}_high"]) == pytest.approx(high, rel=1e-5, abs=1e-9)

    scores = [score_of(s, s["held_out"]["trained"]["returns"]) for s, _, _ in runs]
    played = [[score_of(s, [r]) for r in s["held_out"]["trained"]["returns"]] for s, _, _ in runs]
    agree("score_mean", student(scores, 0.0, 1.0, noise_of(played)))
    ordered = sorted(scores)
    middle = ordered[1:3] if n == 4 else ordered
    assert float(row["score_iqm"]) == pytest.approx(fmean(middle))
    assert float(row["score_optimality_gap"]) == pytest.approx(fmean(1 - min(s, 1) for s in scores))
    agree("area_under_curve", student([
        score_of(s, [row["return"] for row in rows]) for s, rows, _ in runs
    ], 0.0, 1.0))
    agree("advantage_variance", student([
        fmean(row["advantage_variance"] for row in rows) for _, rows, _ in runs
    ]))
    signal, noise = (
        [fmean(r[f"gradient_{part}"] for r in rows if r[f"gradient_{part}"] is not None)
         for _, rows, _ in runs]
        for part in ("signal", "noise")
    )
    agree("gradient_snr", student([a / b for a, b in zip(signal, noise)]))
    for threshold in (0.5, 0.8):
        needed = [episodes_to(s, rows, threshold) for s, rows, _ in runs]
        name = f"episodes_to_{threshold}"
        geometric = math.exp(fmean(math.log(value) for value, _ in needed))
        assert float(row[name]) == pytest.approx(geometric)
        there = sum(got for _, got in needed)
        assert row[f"{name}_bound"] == (
            "exact" if there == n else "restricted" if there else "at least"
        )
        assert float(row[f"{name}_low"]) < geometric <= float(row[f"{name}_high"]) * (1 + 1e-9)
        own = [r for r in table(report[0] / "tables" / "seeds.csv") if Path(r["folder"]) in folders]
        assert [float(r[name]) for r in own] == pytest.approx([value for value, _ in needed])
        assert [r[f"{name}_reached"] == "True" for r in own] == [got for _, got in needed]
    seconds = [
        sorted(row["rollout"] + row["learn"] for row in timing) for _, _, timing in runs
    ]
    medians = [(own[14] + own[15]) / 2 for own in seconds]
    assert float(row["seconds_per_iteration"]) == pytest.approx(fmean(medians))
    memory = [max(row["memory_mib"] for row in timing) for _, _, timing in runs]
    assert float(row["peak_memory_mib"]) == pytest.approx(fmean(memory))
    assert float(row["bytes_exchanged"]) == pytest.approx(1000 * agents)


def test_comparisons_follow_from_the_raw_files(results, report):
    def of(algo, n):
        return [
            raw(results / "strategy" / algo / "agents2" / f"seed{k}") for k in range(n)
        ]

    cc, mc, dc = of("cc", 4), of("mc", 3), of("dc", 2)
    score = [[score_of(s, s["held_out"]["trained"]["returns"]) for s, _, _ in runs]
             for runs in (cc, mc)]
    rows = {(r["method"], r["against"]): r for r in table(report[0] / "tables" / "comparisons.csv")
            if r["setting"] == "strategy-agents2"}
    row = rows["cc", "mc"]
    assert row["probability_of_improvement"] == "", "four runs against three cannot tell"
    assert float(row["difference"]) == pytest.approx(fmean(score[0]) - fmean(score[1]))
    both, splits = score[0] + score[1], list(combinations(range(7), 4))
    far = [
        abs(fmean(both[k] for k in split) - fmean(both[k] for k in range(7) if k not in split))
        for split in splits
    ]
    p = fmean(d >= abs(float(row["difference"])) - 1e-12 for d in far)
    assert float(row["difference_p_value"]) == pytest.approx(p)
    logs = [
        fmean(math.log(episodes_to(s, lines, 0.5)[0]) for s, lines, _ in runs) for runs in (cc, mc)
    ]
    assert float(row["ratio_to_0.5"]) == pytest.approx(math.exp(logs[0] - logs[1]))
    assert (row["ratio_to_0.5_reached_method"], row["ratio_to_0.5_reached_against"]) == ("4", "3")
    assert not any(got for _, got in (episodes_to(s, rows, 0.8) for s, rows, _ in dc))
    censored = rows["cc", "dc"]
    needed = [math.log(episodes_to(s, lines, 0.8)[0]) for s, lines, _ in cc]
    assert float(censored["ratio_to_0.8"]) == pytest.approx(
        math.exp(fmean(needed) - math.log(1920))
    )
    assert censored["ratio_to_0.8_low"] != "" and censored["ratio_to_0.8_reached_against"] == "0"


def test_every_question_is_corrected_for_the_number_of_pairs(report):
    rows = table(report[0] / "tables" / "comparisons.csv")
    for name in ("difference", "ratio_to_0.5", "ratio_to_0.8"):
        p = sorted((float(row[f"{name}_p_value"]), float(row[f"{name}_p_holm"])) for row in rows)
        largest = 0.0
        for rank, (raw_p, corrected) in enumerate(p):
            largest = max(largest, min(1.0, raw_p * (len(p) - rank)))
            assert corrected == pytest.approx(largest)
    assert "Holm's method" in (report[0] / "tables" / "comparisons.md").read_text()


def test_adding_an_algorithm_moves_no_other(results, report, tmp_path):
    """Normalization is by fixed references, and every bootstrap has numbers of its own."""
    few = tmp_path / "few"
    (few / "strategy").mkdir(parents=True)
    (few / "strategy" / "cc").symlink_to(results / "strategy" / "cc")
    # find() follows no links, so the folder itself is given.
    done = build(few / "strategy" / "cc", "--out", tmp_path / "out", "--no-plots")
    assert done.returncode == 0, done.stderr
    alone = json.loads((tmp_path / "out" / "data.json").read_text())["groups"]
    together = {group["id"]: group for group in report[2]["groups"]}
    assert len(alone) == 2

    def numbers(group):
        return {key: value for key, value in group.items() if key not in ("folders", "replays")}

    for group in alone:
        assert numbers(group) == numbers(together[group["id"]])


# -- what is said


def test_what_is_excluded_is_named(report):
    _, done, data = report
    assert {(item["kind"], Path(item["path"]).name) for item in data["excluded"]} == {
        ("torn", "seed8"), ("mixed", "seed9")
    }
    lines = done.stderr.splitlines()
    assert sum(line.startswith("excluded: ") for line in lines) == 2
    assert lines[-1] == "16 runs in 5 groups; excluded: 1 mixed, 1 torn"
    assert done.stdout.strip().endswith("index.html")


def test_tables_say_what_is_censored(report):
    text = (report[0] / "tables" / "strategy.md").read_text()
    row = next(line for line in text.splitlines() if "| dc |" in line)
    assert "| >1920 [no run] |" in row and "| 2* |" in row
    assert "fewer than 5 seeds: cc, dc, mc; the seeds alone do not exclude that up to 78%" in text
    tex = (report[0] / "tables" / "strategy.tex").read_text()
    assert tex.count("\\\\") == 1 + 5 and "\\textgreater{}1920" in tex and "\\toprule" in tex
    compared = (report[0] / "tables" / "comparisons.md").read_text()
    row = next(line for line in compared.splitlines() if "| cc | dc |" in line)
    assert "4/4 and 0/2 got there" in row and "?" not in row


def test_latex_escapes_what_it_must():
    import pandas

    from colllm_bench.leaderboard.export.tables import latex, markdown

    frame = pandas.DataFrame([{"a_b": "50% & $x$ {y}~#\\^<>"}])
    assert r"a\_b \\" in latex(frame)
    assert (r"50\% \& \$x\$ \{y\}\textasciitilde{}\#\textbackslash{}\textasciicircum{}"
            r"\textless{}\textgreater{} \\") in latex(frame)
    assert markdown(pandas.DataFrame([{"x": "a|b"}])).endswith("| a\\|b |")


def test_the_plots_are_pictures_with_ink(report):
    out, _, data = report
    names = {path.stem for path in (out / "plots").iterdir()}
    kinds = ("curves", "finals", "samples", "profiles", "variance")
    assert names == {f"strategy-agents{n}-{kind}" for n in (2, 4) for kind in kinds} | {
        "strategy_tiny-scaling", "strategy-aggregates"
    }
    for path in (out / "plots").iterdir():
        picture = Image.open(path).convert("RGB")
        colours = {colour for _, colour in picture.getcolors(10**6)}
        assert (0, 114, 178) in colours, f"{path.name} lacks cc's blue"
        assert (0, 158, 115) in colours, f"{path.name} lacks mc's green"
        assert min(picture.size) > 200 and max(picture.size) < 3000


def test_marl_eval_layout(results, report):
    found = json.loads((report[0] / "marl-eval.json").read_text())
    assert found.keys() == {"strategy"} and found["strategy"].keys() == {"agents2", "agents4"}
    algorithms = found["strategy"]["agents2"]
    assert algorithms.keys() == {"cc", "mc", "dc"} and len(algorithms["cc"]) == 4
    run = algorithms["cc"]["seed_1"]
    assert list(run) == [*(f"step_{k}" for k in range(1, 31)), "absolute_metrics"]
    _, rows, timing = raw(results / "strategy" / "cc" / "agents2" / "seed1")
    assert run["step_3"]["return"] == [pytest.approx(rows[2]["return"], rel=1e-5)]
    assert run["step_3"]["step_count"] == 3 * 64 * 12
    spent = sum(row["rollout"] + row["learn"] for row in timing[:3])
    assert run["step_3"]["elapsed_time"] == pytest.approx(spent, abs=1e-3)
    assert len(run["absolute_metrics"]["return"]) == 40


def test_scaling_and_aggregates(report):
    data = report[2]
    assert [(line["method"], [p["agents"] for p in line["points"]]) for line in data["scaling"]] \
        == [("cc", [2, 4]), ("mc", [2, 4])]
    assert [(row["method"], row["n"]) for row in data["aggregates"]] == [("cc", 8), ("mc", 6)]


@pytest.mark.parametrize(("argv", "said"), [
    (["--thresholds", "high"], "--thresholds 'high' names no scores"),
    (["--thresholds", "0"], "names no scores"),
    (["--formats", "gif"], "allowed: png, pdf, svg"),
    (["--treshold", "1"], "did you mean --thresholds?"),
])
def test_bad_input_is_one_line(argv, said, results, tmp_path):
    done = build(results, "--out", tmp_path / "out", *argv)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
