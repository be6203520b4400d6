"""Forgeries that once were taken: each is refused, with the reason."""

from __future__ import annotations

import json

import pytest
from submission_files import change_setting, load, refused, save, seal, tell_everywhere

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.leaderboard import __main__ as leaderboard
from colllm_bench.leaderboard.submissions import strict_json, tolerance, training_returns
from colllm_bench.leaderboard.verify import verify


def rows_in(folder, name):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def write_rows(folder, name, rows):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def on_another_machine(folder, **changes):
    """The submission says that it was made elsewhere."""
    data = load(folder)
    for run in data["runs"]:
        run["environment"] |= changes
        save(folder, run["environment"], f"seed{run['seed']}/environment.json")
    seal(folder, data)


# -- a few episodes in each run


def team(wins, n=60):
    won = [1] * wins + [0] * (n - wins)
    return {"trained": {"returns": list(map(float, won)), "successes": won, "turns": [9] * n,
                        "invalid": 0.0}}


def test_eight_episodes_turned_in_each_of_three_runs_on_a_gpu():
    claimed, again = [team(18)] * 3, [team(10)] * 3
    for pair in zip(claimed, again):
        assert tolerance.disagreements(*pair, exact=False, half=True) == [], "one run hides it"
    (returns, successes) = tolerance.pooled_disagreements(claimed, again, half=True)
    assert "trained, all runs together: the mean of returns is 0.1667 here, not 0.3" in returns
    assert "successes" in successes


def test_honest_differences_cancel_over_runs():
    again = [team(18), team(17), team(19)]
    for run in again:
        run["trained"]["returns"] = run["trained"]["returns"][::-1]
        run["trained"]["successes"] = run["trained"]["successes"][::-1]
    assert tolerance.pooled_disagreements([team(18)] * 3, again, half=True) == []
    assert tolerance.pooled_disagreements([team(18)], [team(0)], half=True) == [], "one run"


def test_one_episode_turned_in_each_run_elsewhere(copy):
    data = load(copy)
    for seed, run in enumerate(data["runs"]):
        results = run["summary"]["held_out"]["trained"]
        k = results["returns"].index(0.0)
        results["returns"][k], results["successes"][k] = 1.0, 1
        tell_everywhere(copy, data, seed)
    on_another_machine(copy, cpu="Abacus 9000")
    text = refused(copy, "trained, all runs together: 3 of 18 episodes differ")
    assert "seed 0" not in text, "each run alone is within the tolerance"


# -- training records


def test_one_algorithm_relabelled_as_another(copy):
    from colllm_bench.setup.resolve import resolve

    data = load(copy)
    options = resolve(RunConfig(algo="cc", agents=2)).algo_options
    data["algo"] = "cc"
    for run in data["runs"]:
        run["summary"]["algo"] = "cc"
        save(copy, run["summary"], f"seed{run['seed']}/summary.json")
    change_setting(copy, data, algo="cc", algo_options=options)
    refused(copy, "seed 0: line 1 of metrics.jsonl lacks 'critic_grad_norm', which cc writes")


def test_metrics_that_the_algorithm_does_not_write(copy):
    rows = rows_in(copy, "seed1/metrics.jsonl")
    write_rows(copy, "seed1/metrics.jsonl", [row | {"value_loss": 0.1} for row in rows])
    seal(copy, load(copy))
    refused(copy, "seed 1: line 1 of metrics.jsonl has 'value_loss', which mc does not write",
            files_only=True)


@pytest.mark.parametrize("algo", ["mc", "cc", "dc", "central"])
def test_the_built_in_algorithms_write_what_is_asked_of_them(algo):
    from colllm_bench.leaderboard.submissions.retrain import train_again
    from colllm_bench.leaderboard.submissions.training_record import metric_names
    from colllm_bench.setup.resolve import resolve

    config = resolve(RunConfig(algo=algo, agents=2, episodes=4, batch=2, threads=1, device="cpu",
                               group=2 if algo == "mc" else 1))
    required, foreign = metric_names(config)
    for k, row in enumerate(train_again(config).rows):
        assert required(k) <= row.keys() and not foreign & row.keys()


def test_a_first_return_that_the_untrained_team_does_not_reach(copy):
    (row,) = rows_in(copy, "seed2/metrics.jsonl")
    write_rows(copy, "seed2/metrics.jsonl", [row | {"return": row["return"] + 0.125}])
    seal(copy, load(copy))
    refused(copy, "seed 2: metrics.jsonl, iteration 0: return says", "the untrained team plays")


def test_losses_said_to_be_of_an_easier_task(copy):
    """Reports leave out what a curriculum played; this run has none."""
    (row,) = rows_in(copy, "seed2/metrics.jsonl")
    write_rows(copy, "seed2/metrics.jsonl", [row | {"own_task": 0.0}])
    seal(copy, load(copy))
    refused(copy, "seed 2: line 1 of metrics.jsonl says own_task 0.0, and it is not so")


def test_a_last_return_that_the_trained_team_does_not_reach(tmp_path):
    from colllm_bench.runs.folder import RunFolder
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.loop import finish, train

    config = resolve(RunConfig(algo="cc", agents=2, episodes=64, batch=32, lr=1e-4,
                               eval_episodes=48, threads=1, device="cpu"))
    with RunFolder.create(tmp_path / "short" / "seed0", config) as folder:
        finish(train(config, folder), folder)
    argv = ["submit", str(tmp_path / "short"), "--name", "x", "--out", str(tmp_path)]
    assert cli.execute(leaderboard.main, argv) == 0
    assert verify(tmp_path / "x", {})["verdict"] == "the same numbers"
    first, last = rows_in(tmp_path, "x/seed0/metrics.jsonl")
    write_rows(tmp_path, "x/seed0/metrics.jsonl", [first, last | {"return": 1.0}])
    seal(tmp_path / "x", load(tmp_path / "x"))
    refused(tmp_path / "x", "the last 1 iterations is 1, and its trained team plays")


def test_a_curve_and_the_team_that_it_led_to():
    config = RunConfig(batch=64, group=8)

    def check(claimed, wins):
        returns = [1.0] * wins + [0.0] * (200 - wins)
        return training_returns.last_faults(config, claimed, returns, 1.0)

    rising = [0.1 + 0.02 * k for k in range(40)]
    assert check(rising, 180) == [] == check([0.1] * 40, 20) == check([0.5], 200)
    assert "give or take" in check([0.99] * 40, 60)[0]
    assert check(rising, 20), "a team that learned nothing"


def test_a_first_return_elsewhere():
    played = {"return": 0.25, "tokens": 7}
    returns = [1.0, 0.0, 0.0, 0.0] * 4

    def check(claimed, exact=False):
        return training_returns.first_faults({"tokens": 7, **claimed}, played, returns, exact=exact)

    assert check({"return": 0.25}, True) == check({"return": 0.25}) == check({"return": 0.3}) == []
    assert check({"return": 0.3}, True) and "give or take" in check({"return": 0.9})[0]


# -- seeds


def test_a_dropped_first_seed_called_a_declaration(copy, capsys):
    import shutil

    data = load(copy)
    data["runs"].pop(0)
    data["files"] = {n: x for n, x in data["files"].items() if not n.startswith("seed0/")}
    shutil.rmtree(copy / "seed0")
    data["seeds"], data["declared"] = [1, 2], True
    seal(copy, data)
    refused(copy, "seed 0 is missing: declared seeds begin at 0, 10, 20, ..., not at 1",
            files_only=True)


# -- timing


@pytest.mark.parametrize("changes, says", [
    ({"rollout": -1.0}, "rollout is -1, which cannot be"),
    ({"learn": -0.5}, "learn is -0.5, which cannot be"),
    ({"rollout": 0.0}, "rollout is 0.0, which cannot be: 8 episodes"),
    ({"memory_mib": 1e9}, "memory_mib is 1e+09, more than the machine's"),
    ({"memory_mib": -3}, "memory_mib is -3"), ({"rollout": "fast"}, "is 'fast', no number"),
    ({"iteration": 4}, "is of no iteration, or of another"),
])
def test_times_that_cannot_be(copy, changes, says):
    (row,) = rows_in(copy, "seed0/timing.jsonl")
    write_rows(copy, "seed0/timing.jsonl", [row | changes])
    seal(copy, load(copy))
    refused(copy, says, files_only=True)


# -- files that cost a verifier dearly


@pytest.mark.parametrize("changes", [
    {"agent_turns": 1}, {"tokens": -1}, {"length": 1e-9}, {"invalid": -3}, {"success": 1.5},
    {"clip_fraction": 2.0}, {"actor_grad_norm": -1.0}, {"actor_grad_norm": "x"},
])
def test_metrics_that_cannot_be(copy, changes):
    rows = rows_in(copy, "seed1/metrics.jsonl")
    write_rows(copy, "seed1/metrics.jsonl", [row | changes for row in rows])
    seal(copy, load(copy))
    refused(copy, "seed 1:", next(iter(changes)), files_only=True)


@pytest.mark.parametrize("name", ["metrics.jsonl", "timing.jsonl"])
@pytest.mark.parametrize("line", ["{}", None], ids=["empty", "real"])
def test_no_more_lines_are_read_than_iterations_and_one(copy, monkeypatch, name, line):
    path, parsed = copy / "seed0" / name, []
    line = line or path.read_text().strip()
    path.write_text(f"{line}\n" * 50_000)
    seal(copy, load(copy))
    parse = strict_json.parse_json
    monkeypatch.setattr(
        strict_json, "parse_json", lambda data, what: parsed.append(what) or parse(data, what)
    )
    refused(copy, name, files_only=True)
    assert len([what for what in parsed if what.endswith(f"of seed0/{name}")]) <= 2


def test_a_line_without_end(copy):
    (copy / "seed0" / "metrics.jsonl").write_text('{"iteration": ' + " " * 200_000)
    seal(copy, load(copy))
    refused(copy, "line 1 of seed0/metrics.jsonl is longer than 65536 bytes", files_only=True)


# -- what nobody can know


def test_verify_says_what_it_cannot_show_and_what_it_would_cost(made, capsys):
    assert cli.execute(leaderboard.main, ["verify", str(made), "--files-only"]) == 0
    shown = capsys.readouterr().out
    assert "not shown: how the teams were trained: on the held-out tasks" in shown
    assert "--retrain, about" in shown and "by its own timing" in shown
    report = verify(made, {"files_only": True})
    assert report["retrain_seconds"] > 0 and len(report["unknown"]) == 3
