"""Submissions with edited numbers or dropped seeds are refused with the reason."""

from __future__ import annotations

import shutil

import pytest
from submission_files import load, refused, save, seal, tell_everywhere

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.leaderboard import __main__ as leaderboard
from colllm_bench.leaderboard.submissions import schema
from colllm_bench.leaderboard.verify import verify
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.naming import run_path
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.loop import finish, train

# -- numbers that were edited


def test_an_edited_number_breaks_the_digest(copy):
    data = load(copy)
    data["runs"][0]["summary"]["score"]["trained"]["mean"] = 0.99
    save(copy, data)
    refused(copy, "submission.json was edited",
            "seed 0: score.trained.mean says 0.99, its own episodes give",
            "seed 0: summary.score.trained.mean says 0.99, its file says")


def test_an_edited_number_with_digests_that_fit(copy):
    data = load(copy)
    data["runs"][1]["summary"]["return"]["trained"]["mean"] = 1.0
    save(copy, data["runs"][1]["summary"], "seed1/summary.json")
    seal(copy, data)
    text = refused(copy, "seed 1: return.trained.mean says 1.0, its own episodes give")
    assert "was edited" not in text


def test_an_edited_result(copy):
    data = load(copy)
    data["result"]["high"] = 1.5
    seal(copy, data)
    refused(copy, "result.high says 1.5, its runs give")


@pytest.mark.parametrize("team", ["trained", "untrained", "random", "scripted"])
def test_edited_episodes_are_found_by_playing(copy, team):
    data = load(copy)
    results = data["runs"][2]["summary"]["held_out"][team]
    results["returns"][4] = 1.0 - results["returns"][4]
    results["successes"][4] = 1 - results["successes"][4]
    tell_everywhere(copy, data, 2)
    assert verify(copy, {"files_only": True})["verdict"] == "files agree"
    refused(copy, f"seed 2: {team}: 1 of 6 episodes differ", "the return of task 4 is")


def test_an_edited_share_of_invalid_actions(copy):
    data = load(copy)
    data["runs"][0]["summary"]["held_out"]["trained"]["invalid"] += 0.25
    tell_everywhere(copy, data, 0)
    refused(copy, "seed 0: trained: the share of invalid actions is")


def test_an_edited_number_of_parameters(copy):
    data = load(copy)
    data["runs"][0]["summary"]["parameters"]["trained"] = 1
    save(copy, data["runs"][0]["summary"], "seed0/summary.json")
    seal(copy, data)
    refused(copy, "seed 0: parameters are")


def test_another_teams_weights(copy):
    for agent in ("front_1", "front_2"):
        for name in schema.OF_AN_AGENT["lora"]:
            shutil.copy(copy / f"seed1/team/{agent}/{name}", copy / f"seed0/team/{agent}/{name}")
    refused(copy, "seed0/team/front_1/adapter_model.safetensors is not the file")
    seal(copy, load(copy))
    refused(copy, "seed 0: trained: ")


def test_a_centralized_team_is_played_with_the_controllers_model(tmp_path):
    """On `strategy` the controller has a built-in model of its own."""
    config = resolve(RunConfig(algo="central", agents=2, episodes=4, batch=4, seed=0,
                               eval_episodes=3, threads=1, device="cpu"))
    path = run_path(tmp_path, "strategy", "central", "short", 0)
    with RunFolder.create(path, config) as folder:
        finish(train(config, folder), folder)
    argv = ["submit", str(path.parent), "--name", "short", "--out", str(tmp_path)]
    assert cli.execute(leaderboard.main, argv) == 0
    assert verify(tmp_path / "short", {})["verdict"] == "the same numbers"


def test_numbers_of_the_development_split(copy):
    from colllm_bench.leaderboard.submissions.reading import playable, read_submission
    from colllm_bench.leaderboard.submissions.replay import play_again

    found, data = read_submission(copy), load(copy)
    config = playable(found.configs[1], "decentralized")
    own = play_again(config, found.team(1)).on_training_tasks
    data["runs"][1]["summary"]["held_out"]["trained"] = own
    tell_everywhere(copy, data, 1)
    refused(copy, "seed 1: trained: these are the numbers of the development split (train)")


def test_the_development_split_said_openly(copy):
    data = load(copy)
    data["evaluation"]["split"] = "train"
    seal(copy, data)
    refused(copy, "evaluated on the split 'train'", "held-out tasks (eval) alone")


# -- seeds


@pytest.mark.parametrize("seed, says", [(0, "seed 0 is missing"), (1, "seed 1 is missing")])
def test_a_dropped_seed_shows(copy, seed, says):
    data = load(copy)
    data["runs"] = [run for run in data["runs"] if run["seed"] != seed]
    data["files"] = {n: x for n, x in data["files"].items() if not n.startswith(f"seed{seed}/")}
    data["result"] = schema.result_of([run["summary"] for run in data["runs"]])
    seal(copy, data)
    refused(copy, f"'seed{seed}/config.json' is in the folder")
    shutil.rmtree(copy / f"seed{seed}")
    refused(copy, says)
    data["seeds"].remove(seed)
    seal(copy, data)
    refused(copy, says)


def test_a_dropped_seed_called_a_declaration(copy):
    data = load(copy)
    data["runs"].pop(1)
    data["files"] = {n: x for n, x in data["files"].items() if not n.startswith("seed1/")}
    shutil.rmtree(copy / "seed1")
    data["seeds"], data["declared"] = [0, 2], True
    seal(copy, data)
    refused(copy, "the declared seeds 0, 2 leave out 1")


@pytest.mark.parametrize(
    "seeds, declared, says",
    [
        ([0, 1, 2], None, None), ([0], None, None), ([20, 21], [20, 21], None),
        ([21, 20], [20, 21], None), ([1, 2], None, "seed 0 is missing"),
        ([0, 2], None, "seed 1 is missing"), ([0, 0], None, "twice"), ([], None, "no seeds"),
        ([20], [20, 21], "seed 21 is missing"), ([20, 21, 22], [20, 21], "one too many"),
        ([1, 2], [1, 2], "seed 0 is missing: declared seeds begin at"),
        ([11, 12], [12, 11], "seed 10 is missing"), ([0, 1], [0, 1], None),
        ([2**62], None, "seed 0 is missing"), ([5, 2**62], [5, 2**62], "leave out 6"),
    ],
)
def test_which_seeds_will_do(seeds, declared, says):
    found = schema.missing_seed(seeds, declared)
    assert found is None if says is None else says in found


def test_a_seed_that_is_another(copy):
    data = load(copy)
    kept = load(copy, "seed1/config.json")
    kept["config"]["seed"] = 7
    save(copy, kept, "seed1/config.json")
    seal(copy, data)
    refused(copy, "seed1/config.json is of seed 7")
