"""A report shows what the episodes give, and neither edited runs nor copies of others."""

from __future__ import annotations

import json
import shutil

import pytest
from made_runs import make_run

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard import __main__ as leaderboard
from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.report_data import build_data
from colllm_bench.leaderboard.statistics.measures import samples
from colllm_bench.leaderboard.submissions.verified import read_reports, with_verified
from colllm_bench.leaderboard.suite.records import record_of
from colllm_bench.leaderboard.verify import verify
from colllm_bench.runs import files
from colllm_bench.suites import load_suite


@pytest.fixture
def results(runs, tmp_path):
    """Copies of real runs, seeds 0 to 2, to be forged."""
    folder = tmp_path / "results" / "strategy" / "mc" / "short"
    shutil.copytree(runs, folder)
    return folder


def edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def edit_lines(path, change):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        change(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def excluded(results, kind):
    (item,) = read(results).excluded
    assert item.kind == kind, item
    return item.reason


def test_real_runs_agree_with_themselves(results):
    found = read(results)
    assert [run.seed for run in found.runs] == [0, 1, 2] and not found.excluded


@pytest.fixture
def recycling(tmp_path):
    """A run of an environment whose values are known: 0 and 1 are not the teams played here."""
    return make_run(tmp_path / "results", "classic", "mc", agents=2,
                    env_options={"game": "recycling", "turns": 4})


def test_a_score_on_a_known_scale_is_that_of_its_episodes(recycling):
    (run,) = read(recycling).runs
    assert run.references == (11.45, 13.38)
    assert run.summary["score"]["random"]["mean"] == pytest.approx(-11.45 / 1.93)
    record = record_of(recycling, load_suite("v2"), "recycling", {})
    assert record["range"] == [11.45, 13.38]
    mean = sum(record["returns"]) / len(record["returns"])
    assert record["score"] == pytest.approx((mean - 11.45) / 1.93)


@pytest.mark.parametrize("change, says", [
    ({"score_range": [0.0, 13.38]}, "summary.json says score_range [0.0, 13.38], and it is"),
    ({"score_range": None}, "summary.json says score_range None, and it is"),
    ({"score_range": "11 to 13"}, "has a score_range '11 to 13' that is none"),
    ({"score_range": [13.38, 11.45]}, "has a score_range [13.38, 11.45] that is none"),
    (None, "summary.json lacks a score_range"),
])
def test_another_scale_than_the_known_one_is_not_taken(recycling, change, says):
    edit(recycling / "summary.json",
         lambda data: data.update(change) if change else data.pop("score_range"))
    assert says in excluded(recycling, "edited")


def test_wins_on_an_easier_task_of_a_curriculum_are_no_samples(tmp_path):
    """Half of the games are won after one iteration; the first seven are on an easier level."""
    path = make_run(tmp_path / "results", curriculum="levels", env_options={"level": "hard"})
    (plain,) = read(path).groups
    assert samples(plain, 0.5, "episodes").values[0] < 320
    edit_lines(path / "metrics.jsonl", lambda row: row.update(own_task=float(row["iteration"] > 6)))
    (masked,) = read(path).groups
    assert 448 < samples(masked, 0.5, "episodes").values[0] <= 512
    record = record_of(path, load_suite("v3-mini"), "strategy-2", {})
    assert record["curve"][:7] == [None] * 7 and None not in record["curve"][7:]
    assert record["episodes"][0] == 64


def test_an_environment_without_a_known_scale_is_given_none(results):
    edit(results / "seed1/summary.json", lambda data: data.update(score_range=[0.0, 0.5]))
    assert excluded(results, "edited") == "summary.json has a score_range"


@pytest.mark.parametrize("measure", ["score", "return", "success"])
def test_a_number_that_only_the_summary_states_is_not_shown(results, measure):
    edit(results / "seed1/summary.json",
         lambda data: data[measure]["trained"].update(mean=0.999))
    assert f"summary.json says {measure} 0.999 of trained, its episodes give" in excluded(
        results, "edited")


def test_an_interval_that_only_the_summary_states_is_not_shown(results):
    path = results / "seed1/summary.json"
    before = json.loads(path.read_text())
    edit(path, lambda data: data["score"]["trained"].update(low=0.99, high=1.0))
    (run,) = [run for run in read(results).runs if run.seed == 1]
    assert run.summary["score"]["trained"] == pytest.approx(before["score"]["trained"])


@pytest.mark.parametrize("name, change, says", [
    ("metrics.jsonl", {"return": 0.99}, "metrics.jsonl says return 0.99 in iteration 0"),
    ("episodes.jsonl", {"return": 0.5}, "its episodes give 0.5"),
    ("episodes.jsonl", {"seed": 7}, "its training tasks are not those of seed 0"),
])
def test_training_returns_and_their_episodes(results, name, change, says):
    edit_lines(results / "seed0" / name, lambda row: row.update(change))
    assert says in excluded(results, "edited")


def test_an_untrained_team_that_was_made_worse(results):
    edit(results / "seed0/untrained.json", lambda data: data.update(returns=[0.5] * 6))
    assert "untrained team than untrained.json" in excluded(results, "edited")


def test_episodes_that_their_own_replay_contradicts(results):
    edit(results / "seed2/replays/held-out-1.json", lambda data: data.update({"return": 0.75}))
    assert "of held-out task 1, its replay 0.75" in excluded(results, "edited")


@pytest.mark.parametrize("change", [
    {"successes": [2, 0, 0, 0, 0, 0]}, {"successes": [1]}, {"successes": [[], 0, 0, 0, 0, 0]},
    {"invalid": -1}, {"invalid": "no"}, {"returns": [float("nan")] * 6}, {"returns": []},
])
def test_held_out_results_that_are_none(results, change):
    edit(results / "seed0/summary.json",
         lambda data: data["held_out"]["trained"].update(change))
    excluded(results, "torn")


def as_seed(results, seed, original=0):
    """A copy of a run whose config.json and summary.json name another seed."""
    folder = results / f"seed{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(results / f"seed{original}", folder)
    edit(folder / "config.json", lambda data: data["config"].update(seed=seed))
    edit(folder / "summary.json", lambda data: data.update(seed=seed))
    return folder


def test_a_config_whose_seed_was_edited(results):
    as_seed(results, 3)
    assert "its training tasks are not those of seed 3: the seed was edited" in excluded(
        results, "edited")


@pytest.mark.parametrize("kept, what", [
    ("metrics.jsonl", "metrics"), ("timing.jsonl", "timing"), ("team", "weights"),
])
def test_a_copy_under_another_seed(results, kept, what):
    folder = as_seed(results, 3)
    (folder / "episodes.jsonl").unlink()  # as in a submission
    for name in {"metrics.jsonl", "timing.jsonl", "team"} - {kept}:
        if name == "team":
            shutil.rmtree(folder / name)
        else:  # by other numbers at the end of a line, which no check of one run alone sees
            edit_lines(folder / name, lambda row: row.update(more=1))
    reason = excluded(results, "copy")
    assert f"its {what} are those of {results / 'seed0'}, seed 0" in reason


def test_a_copy_under_other_settings_has_the_same_times(results):
    folder = results.with_name("faster") / "seed0"
    shutil.copytree(results / "seed0", folder)

    def change(data):
        data["config"]["lr"] = 0.01
        data["digest"] = RunConfig(**data["config"]).digest

    edit(folder / "config.json", change)
    (item,) = read(results.parent).excluded
    # Which of the two is the original no file says: the first by name stays.
    assert item.kind == "copy" and "its timing are those of" in item.reason
    assert item.reason.endswith("other settings")


def test_the_same_run_as_it_is_in_a_submission_is_no_copy(results, made):
    found = read([results, made])
    assert [item.kind for item in found.excluded] == ["duplicate"] * 3
    renamed = results.rename(results.with_name("another-name"))
    assert not read([renamed, made]).excluded


def test_endless_metrics_are_not_read_to_their_end(results, monkeypatch):
    (results / "seed0/metrics.jsonl").write_text("{}\n" * 100_000)
    rows, whole = [], files._whole_lines
    monkeypatch.setattr(
        files, "_whole_lines",
        lambda *given: (pair for pair in whole(*given) if rows.append(pair) is None),
    )
    assert "metrics.jsonl has 0 whole lines of 1" in excluded(results, "torn")
    assert len(rows) < 100


def test_runs_of_several_commits_are_not_averaged_without_a_word(results, tmp_path, capsys):
    for seed, commit in enumerate(["a" * 40, "b" * 40, "a" * 40]):
        edit(results / f"seed{seed}/environment.json",
             lambda data, commit=commit: data.update(commit=commit, modified=commit[0] == "b"))
    argv = ["build", str(results), "--out", str(tmp_path / "report"), "--no-plots"]
    assert cli.execute(leaderboard.main, argv) == 0
    said = "averages runs of several commits: aaaaaaa (seeds 0, 2); bbbbbbb+ (seeds 1)"
    assert said in capsys.readouterr().err
    assert said in (tmp_path / "report" / "data.json").read_text()


# -- verified numbers


def report_on(made, tmp_path, **changes):
    report = verify(made, {"files_only": True}) | {
        "verdict": "within the tolerance",
        "runs": [
            {"seed": seed, "again": better(made, seed)} for seed in range(3)
        ], **changes,
    }
    (tmp_path / "report.json").write_text(json.dumps({"submissions": [report]}))
    return tmp_path / "report.json"


def better(made, seed):
    from colllm_bench.evaluation.held_out import summarize

    data = json.loads((made / f"seed{seed}/summary.json").read_text())
    data["held_out"]["trained"]["returns"] = [0.5] * 6
    return files.plain(summarize(data["held_out"]))


def test_verified_numbers_are_shown_in_place_of_claimed_ones(made, tmp_path, capsys):
    report = report_on(made, tmp_path)
    argv = ["build", str(made), "--verified", str(report), "--out", str(tmp_path / "r"),
            "--no-plots", "--quiet"]
    assert cli.execute(leaderboard.main, argv) == 0
    data = json.loads((tmp_path / "r" / "data.json").read_text())
    (group,) = data["groups"]
    assert group["verified"] == [0, 1, 2]
    assert [seed["value"] for seed in group["finals"]["return"]["seeds"]] == [0.5] * 3
    notes = "; ".join(data["settings"][0]["notes"])
    assert "numbers of a verification, seeds 0, 1, 2" in notes
    assert build_data(read(made))["groups"][0]["verified"] == []


def test_a_refused_submission_and_one_that_changed_since_are_left_out(made, copy, tmp_path):
    reports = read_reports([report_on(made, tmp_path, refusals=["seed 0: no"])])
    found = with_verified(read(made), reports)
    assert not found.groups and "its verification: seed 0: no" in found.excluded[0].reason
    edit_lines(copy / "seed1/metrics.jsonl", lambda row: row.update(tokens=5))
    found = with_verified(read(copy), read_reports([report_on(made, tmp_path)]))
    assert [run.seed for run in found.runs] == [0, 2]
    assert "changed after it was verified" in found.excluded[0].reason


def test_a_report_of_files_alone_changes_no_number(made, tmp_path):
    report = report_on(made, tmp_path, verdict="files agree", runs=[])
    found = with_verified(read(made), read_reports([report]))
    assert len(found.runs) == 3 and not any(run.verified for run in found.runs)
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ConfigError, match="no report of a verification"):
        read_reports([tmp_path / "other.json"])
    with pytest.raises(ConfigError, match="cannot read"):
        read_reports([tmp_path / "nothing.json"])
