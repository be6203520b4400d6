"""Submissions: made, verified to the byte, and refused with the reason for every tampering."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from paths import ROOT

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import summarize_teams
from colllm_bench.leaderboard import __main__ as leaderboard
from colllm_bench.leaderboard.submissions import schema, strict_json, tolerance
from colllm_bench.leaderboard.submissions.differences import describe_differences
from colllm_bench.leaderboard.submissions.document import FileEntry, check_type
from colllm_bench.leaderboard.verify import verify
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.naming import run_path

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder with three finished seeds of a short run."""
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.loop import finish, train

    root = tmp_path_factory.mktemp("results")
    for seed in SEEDS:
        config = resolve(RunConfig(algo="mc", agents=2, episodes=8, batch=8, group=4, seed=seed,
                                   lr=0.05, eval_episodes=6, threads=1, device="cpu"))
        with RunFolder.create(run_path(root, "strategy", "mc", "short", seed), config) as folder:
            finish(train(config, folder), folder)
    return root / "strategy" / "mc" / "short"


@pytest.fixture(scope="module")
def made(runs, tmp_path_factory):
    """A submission of them."""
    out = tmp_path_factory.mktemp("submissions")
    argv = ["submit", str(runs), "--name", "short", "--out", str(out), "--by", "A. Author"]
    assert cli.execute(leaderboard.main, argv) == 0
    return out / "short"


@pytest.fixture
def copy(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "copy"))


def load(folder, name="submission.json"):
    return json.loads((folder / name).read_text())


def save(folder, data, name="submission.json"):
    (folder / name).write_text(json.dumps(data))


def seal(folder, data):
    """Write the document with digests that fit: what a forger who knows the format does."""
    body = {key: value for key, value in data.items() if key not in ("digest", "files")}
    save(folder, schema.with_digests(body, folder, list(data["files"])))


def tell_everywhere(folder, data, seed):
    """A run's held-out results made consistent: summary, its file, and the result over runs."""
    run = next(run for run in data["runs"] if run["seed"] == seed)
    config = RunConfig(**data["config"], seed=seed)
    counts = run["summary"]["parameters"]
    summary = summarize_teams(config, run["summary"]["held_out"]) | {"parameters": counts}
    run["summary"] = files.plain(summary)
    save(folder, run["summary"], f"seed{seed}/summary.json")
    data["result"] = schema.result_of([run["summary"] for run in data["runs"]])
    seal(folder, data)


def change_setting(folder, data, **changes):
    """A setting changed in the document and in every seed's config.json, digests included."""
    data["config"].update(changes)
    data["config_digest"] = RunConfig(**data["config"]).digest
    data["evaluation"] = schema.evaluation_of(data["config"])
    for run in data["runs"]:
        kept = load(folder, f"seed{run['seed']}/config.json")
        kept["config"].update(changes)
        kept["digest"] = data["config_digest"]
        save(folder, kept, f"seed{run['seed']}/config.json")
    seal(folder, data)


def refused(folder, *reasons, **given):
    report = verify(folder, given)
    text = "\n".join(report["refusals"])
    assert report["verdict"] == "refused", "it was taken"
    for reason in reasons:
        assert reason in text, text
    return text


# -- what is made


def test_a_submission_holds_all_that_others_need_and_no_pickle(made, runs):
    data = load(made)
    assert (data["schema"], data["seeds"], data["declared"]) == (1, [0, 1, 2], False)
    assert (data["env"], data["algo"], data["agents"]) == ("strategy_v0", "mc", 2)
    assert data["evaluation"] == {"split": "eval", "episodes": 6, "batch": 8, "temperature": 1.0}
    first = data["runs"][0]
    assert first["summary"] == load(runs / "seed0", "summary.json")
    assert {"commit", "packages", "cpu"} <= first["environment"].keys()
    assert data["base"]["files"]["model.safetensors"]
    there = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    assert there == {"submission.json", *data["files"]}
    assert {Path(name).suffix for name in there} == {".json", ".jsonl", ".safetensors"}
    texts = "".join(p.read_text() for p in made.rglob("*.json*"))
    assert str(runs.parents[2]) not in texts and str(ROOT) not in texts


def test_a_submission_is_read_as_runs_are(made):
    from colllm_bench.leaderboard.data import read

    found = read(made)
    assert [run.seed for run in found.runs] == [0, 1, 2] and not found.excluded


def test_the_same_runs_make_the_same_submission(made, runs, tmp_path):
    argv = ["submit", *(str(runs / f"seed{k}") for k in (2, 0, 1)), "--name", "short",
            "--out", str(tmp_path), "--by", "A. Author", "--quiet"]
    assert cli.execute(leaderboard.main, argv) == 0
    for path in made.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "short" / path.relative_to(made)).read_bytes()
    assert not list(tmp_path.glob(".short*"))


def test_verify_plays_again_to_the_same_numbers(made, capsys, tmp_path):
    report = tmp_path / "report.json"
    argv = ["verify", str(made / "submission.json"), "--report", str(report)]
    assert cli.execute(leaderboard.main, argv) == 0
    shown = capsys.readouterr().out
    assert "seeds 0, 1, 2" in shown and "the same numbers: score" in shown
    (found,) = json.loads(report.read_text())["submissions"]
    claimed = {run["seed"]: run["summary"] for run in load(made)["runs"]}
    assert {run["seed"]: run["again"] for run in found["runs"]} == claimed
    assert found["verdict"] == "the same numbers" and found["result"] == load(made)["result"]


def test_files_only_plays_nothing(made, capsys):
    assert cli.execute(leaderboard.main, ["verify", str(made), "--files-only"]) == 0
    assert "files agree" in capsys.readouterr().out


# -- what cannot be submitted


@pytest.mark.parametrize(
    "argv, says",
    [
        ([], "names no run"), (["{runs}"], "needs --name"), (["{runs}", "--name", "../up"], "name"),
        (["{runs}", "--name", ".hidden"], "folder name"),
        (["/no/such", "--name", "x"], "no folder"),
        (["{runs}/seed0", "{runs}/seed2", "--name", "x"], "seed1 is beside"),
        (["{runs}", "--name", "x", "--seeds", "0:5"], "seed 3 is missing"),
        (["{runs}", "--name", "x", "--seeds", "0:2"], "seed 2 is one too many"),
        (["{runs}", "--name", "x", "--seeds", "0,1,2,4"], "leave out 3"),
        (["{runs}/seed0", "{runs}/seed0", "--name", "x"], "twice"),
        (["{runs}", "--name", "x", "--by", "a\nb"], "no line"),
    ],
)
def test_submissions_that_cannot_be(runs, argv, says, capsys, tmp_path):
    argv = [word.format(runs=runs) for word in argv]
    assert cli.execute(leaderboard.main, ["submit", *argv, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and says in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture
def some_runs(runs, tmp_path):
    """Copies of the runs, to be spoiled."""
    return Path(shutil.copytree(runs, tmp_path / "runs" / "short"))


def test_runs_that_are_unfinished_edited_or_differ_are_not_submitted(some_runs):
    (some_runs / "seed1" / "summary.json").rename(some_runs / "kept.json")
    with pytest.raises(ConfigError, match="not finished"):
        schema.read_runs([some_runs])
    (some_runs / "kept.json").rename(some_runs / "seed1" / "summary.json")
    kept = load(some_runs / "seed1", "config.json")
    kept["config"]["lr"] = 0.01
    save(some_runs / "seed1", kept, "config.json")
    with pytest.raises(ConfigError, match="edited"):
        schema.read_runs([some_runs])
    kept["digest"] = RunConfig(**kept["config"]).digest
    save(some_runs / "seed1", kept, "config.json")
    with pytest.raises(ConfigError, match="other settings than .*: lr"):
        schema.read_runs([some_runs])


def test_a_run_without_its_team_is_not_submitted(some_runs, tmp_path):
    shutil.rmtree(some_runs / "seed2" / "team" / "front_2")
    argv = ["submit", str(some_runs), "--name", "x", "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="front_2.* is missing"):
        leaderboard.main(argv)
    assert not list((tmp_path / "out").iterdir()), "half a submission was left behind"
    shutil.rmtree(some_runs / "seed0" / "team")
    with pytest.raises(ConfigError, match="no trained team"):
        leaderboard.main(argv)


def test_a_submission_is_never_overwritten(made, runs):
    with pytest.raises(ConfigError, match="is there already"):
        leaderboard.main(["submit", str(runs), "--name", "short", "--out", str(made.parent)])


@pytest.mark.parametrize(
    "changes, says",
    [({"env": "./mine.py:Game"}, "code that no verifier runs"),
     ({"chat_template": "my.jinja"}, "others do not have")],
)
def test_settings_that_others_cannot_play_are_not_submitted(changes, says):
    with pytest.raises(ConfigError, match=says):
        schema.require_playable({**RunConfig().to_dict(), **changes})


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


def test_numbers_of_the_development_split(copy):
    from colllm_bench.leaderboard.submissions.reading import playable, read_submission
    from colllm_bench.leaderboard.submissions.replay import play_again

    found, data = read_submission(copy), load(copy)
    config = playable(found.configs[1], "decentralized")
    own = play_again(config, found.team(1), found.agents, split="train").teams["trained"]
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
        ([0, 1, 2], None, None), ([0], None, None), ([5, 6], [5, 6], None),
        ([6, 5], [5, 6], None), ([1, 2], None, "seed 0 is missing"),
        ([0, 2], None, "seed 1 is missing"), ([0, 0], None, "twice"), ([], None, "no seeds"),
        ([5], [5, 6], "seed 6 is missing"), ([5, 6, 7], [5, 6], "one too many"),
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


# -- settings


def test_a_changed_setting(copy):
    data = load(copy)
    data["config"]["lr"] = 1e-4
    save(copy, data)
    refused(copy, "the settings were changed: their digest is",
            "seed0/config.json: lr says 0.05, the submission says 0.0001")
    data = load(copy)
    data["config_digest"] = RunConfig(**data["config"]).digest
    seal(copy, data)
    refused(copy, "seed2/config.json: lr says 0.05, the submission says 0.0001")


def test_a_setting_changed_in_one_seed(copy):
    kept = load(copy, "seed1/config.json")
    kept["config"]["temperature"] = 0.5
    save(copy, kept, "seed1/config.json")
    seal(copy, load(copy))
    refused(copy, "seed1/config.json: temperature says 0.5",
            "seed1/config.json: the settings were changed")


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"env_options": {"level": 2}}, "episodes differ"), ({"temperature": 0.2}, "trained: "),
        ({"eval_episodes": 5}, "has 6 returns of trained, not 5"),
        ({"lora_rank": 4}, "r says 8, the settings say 4"), ({"episodes": 16}, "metrics.jsonl has"),
        ({"batch": 4, "episodes": 4}, "of another batch"),
        ({"agents": 3}, "lacks seed0/team/front_3"),
        ({"env_options": {"split": "train"}}, "held-out tasks are the same for everybody"),
        ({"model": "gpt2"}, "base.model says 'tiny'"),
        ({"env": "./evil.py:Game"}, "code that no verifier runs"), ({"env": "chess"}, "unknown"),
        ({"eval_episodes": 10**8}, "allowed: 1 to 10000"), ({"lora_rank": 10**6}, "allowed"),
        ({"tuning": "prompt"}, "allowed: lora, full"), ({"env_options": {"foo": 1}}, "foo"),
        ({"agents": "two"}, "agents is 'two'"), ({"lora_alpha": None}, "lora_alpha is None"),
        ({"share": "all"}, "share a policy, and their files differ"),
    ],
)
def test_a_setting_changed_everywhere_with_digests_that_fit(copy, changes, says):
    change_setting(copy, load(copy), **changes)
    refused(copy, says)


def test_a_strangers_algorithm_is_not_imported(copy, tmp_path):
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Best: pass\n")
    data = load(copy)
    data["algo"] = "best"
    for run in data["runs"]:
        run["summary"]["algo"] = f"{evil}:Best"
        save(copy, run["summary"], f"seed{run['seed']}/summary.json")
    change_setting(copy, data, algo=f"{evil}:Best")
    assert verify(copy, {})["verdict"] == "the same numbers"
    assert not (tmp_path / "ran").exists()


def trained_again(folder, seed, iterations=0):
    from colllm_bench.leaderboard.submissions.reading import read_submission
    from colllm_bench.leaderboard.verify import _retrain

    found = read_submission(folder)
    return _retrain(found, found.configs[seed], iterations, [])


def test_a_forged_setting_that_no_play_can_show_is_found_by_training_again(copy, made):
    assert trained_again(made, 1) == []
    change_setting(copy, load(copy), lr=0.01)
    assert verify(copy, {})["verdict"] == "the same numbers"
    assert "trained again, iteration 0: policy_loss says" in trained_again(copy, 0)[0]


def test_weights_that_the_training_does_not_give(copy):
    name = "team/front_2/adapter_model.safetensors"
    shutil.copy(copy / "seed1" / name, copy / "seed0" / name)
    assert trained_again(copy, 0) == ["trained again, the weights of front_2 are others"]


def test_training_again_compares_every_iteration_and_stops_in_time(copy):
    from colllm_bench.leaderboard.submissions.retrain import train_again

    config = RunConfig(**load(copy)["config"], seed=0)
    rows = train_again(config.replace(episodes=24), 2).rows
    assert [row["iteration"] for row in rows] == [0, 1]
    kept = json.loads((copy / "seed0" / "metrics.jsonl").read_text())
    assert rows[0] == kept
    kept["return"] += 0.125
    (copy / "seed0" / "metrics.jsonl").write_text(json.dumps(kept) + "\n")
    seal(copy, load(copy))
    assert "trained again, iteration 0: return says" in trained_again(copy, 0, 1)[0]
    report = verify(copy, {"retrain": 1})
    assert report["verdict"] == "refused" and "seed 0: trained again" in report["refusals"][0]


def test_training_again_needs_the_same_machine_and_no_strangers_code(copy):
    from colllm_bench.leaderboard.verify import _retrain

    config = RunConfig(**load(copy)["config"], seed=0)
    with pytest.raises(ConfigError, match="another machine: cpu"):
        _retrain(None, config, 0, ["cpu this there"])
    with pytest.raises(ConfigError, match="stranger's code"):
        _retrain(None, config.replace(algo="./evil.py:Best"), 0, [])


def test_another_version(copy):
    data = load(copy)
    data["colllm_bench"] = "9.9.9"
    seal(copy, data)
    refused(copy, "made with colllm_bench 9.9.9", "is of version")


# -- models


def test_a_foreign_model_is_loaded_only_if_the_verifier_names_it(copy, model_folder):
    data = load(copy)
    data["base"]["model"] = "someone/evil-model"
    for run in data["runs"]:
        run["summary"]["model"] = "someone/evil-model"
        save(copy, run["summary"], f"seed{run['seed']}/summary.json")
    change_setting(copy, data, model="someone/evil-model")
    refused(copy, "'someone/evil-model' is not built in", "--model NAME")
    refused(copy, "is not the one of the submission", model=model_folder("Llama"))
    assert verify(copy, {"model": "tiny"})["verdict"] == "the same numbers"


def test_a_base_model_that_differs(copy):
    data = load(copy)
    data["base"]["files"]["model.safetensors"] = "0" * 64
    seal(copy, data)
    refused(copy, "model.safetensors differs")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(copy, value):
    from safetensors.torch import load_file, save_file

    path = copy / "seed0/team/front_1/adapter_model.safetensors"
    tensors = load_file(path)
    next(iter(tensors.values()))[0, 0] = value
    save_file(tensors, path)
    seal(copy, load(copy))
    refused(copy, "front_1 hold no finite numbers")


def test_weights_of_another_shape_or_no_weights_at_all(copy):
    from safetensors.torch import load_file, save_file

    path = copy / "seed0/team/front_1/adapter_model.safetensors"
    tensors = {name: tensor[:, :1].contiguous() for name, tensor in load_file(path).items()}
    save_file(tensors, path)
    seal(copy, load(copy))
    refused(copy, "front_1")
    path.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")  # a pickle under a false name
    seal(copy, load(copy))
    refused(copy, "weights of front_1 cannot be loaded")


# -- files and JSON of a stranger


def test_files_that_do_not_belong_there(copy):
    (copy / "seed0" / "team" / "front_1" / "weights.pt").write_bytes(b"x")
    refused(copy, "weights.pt' is in the folder, and is no file of a submission")


def test_links_lead_out_of_the_folder(copy, tmp_path):
    target = tmp_path / "secret.json"
    shutil.move(copy / "seed0" / "summary.json", target)
    (copy / "seed0" / "summary.json").symlink_to(target)
    refused(copy, "seed0/summary.json is a symbolic link")
    (copy / "seed0" / "summary.json").unlink()
    shutil.move(target, copy / "seed0" / "summary.json")
    shutil.move(copy / "seed1", tmp_path / "seed1")
    (copy / "seed1").symlink_to(tmp_path / "seed1")
    refused(copy, "seed1 is a symbolic link")


def test_what_is_no_plain_file(copy):
    os.mkfifo(copy / "README.md")
    refused(copy, "README.md is no plain file")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "seed0/../../x", "seed9/x"])
def test_paths_that_lead_elsewhere(copy, name):
    data = load(copy)
    data["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    save(copy, data)
    refused(copy, "is no file of a submission")


def test_huge_files_are_not_opened(copy):
    with open(copy / "seed0" / "team" / "front_1" / "adapter_model.safetensors", "r+b") as file:
        file.truncate(2**40)  # a hole: no disk is used
    refused(copy, "adapter_model.safetensors has 1099511627776 bytes; at most")


def test_a_missing_file(copy):
    (copy / "seed2" / "metrics.jsonl").unlink()
    refused(copy, "seed2/metrics.jsonl is missing")


@pytest.mark.parametrize(
    "text, says",
    [
        (b"", "no JSON"), (b"[]", "not a submission"), (b"{", "no JSON"), (b"\xff\xfe", "no JSON"),
        (b'{"schema": 1, "schema": 2}', "twice"), (b'{"schema": NaN}', "no number of JSON"),
        (b'{"schema": 1e999}', "beyond"), (b'{"schema": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b"[" * 100_000, "nests deeper"), (b"[" * 40 + b"]" * 40, "nests deeper"),
        (b'{"schema": 2}', "reads schema 1"), (b'{"schema": true}', "reads schema 1"),
        (b'{"schema": 1}', "lacks 'name'"),
    ],
)
def test_json_with_surprises(copy, text, says):
    (copy / "submission.json").write_bytes(text)
    refused(copy, says)


@pytest.mark.parametrize(
    "path, value, says",
    [
        (["name"], 7, "name is 7"), (["name"], "../x", "no folder name"),
        (["runs"], [], "0 runs"), (["runs", 0], 5, "runs[0] is no object"),
        (["runs", 0, "seed"], True, "runs[0].seed is True"),
        (["seeds"], ["0"], "seeds[0] is '0', no int"),
        (["extra"], 1, "does not know"), (["files"], [], "files is []"),
        (["runs", 0, "summary"], {}, "held_out lacks"), (["execution"], "magic", "execution"),
        (["execution"], "centralized", "no file of a submission"),
        (["note"], "\x1b[2J", "no line"), (["config", "boost"], 1, "does not know"),
        (["runs", 0, "summary", "held_out", "trained", "returns"], "x", "returns is 'x'"),
        (["runs", 0, "summary", "held_out", "trained", "more"], 1, "does not know"),
        (["runs", 0, "summary", "held_out", "best"], {}, "has a team 'best'"),
        (["runs", 0, "environment", "cpu"], "another", "its file says"),
        (["evaluation", "episodes"], 100, "the settings say 6"),
        (["base", "files"], {}, "is not the one of the submission"),
        (["seeds"], [0, 1, 2, 3], "seed 3 is missing"),
        (["runs", 0, "summary", "parameters"], {}, "lacks its parameters"),
    ],
)
def test_fields_that_do_not_fit(copy, path, value, says):
    data = load(copy)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    seal(copy, data) if isinstance(data["files"], dict) else save(copy, data)
    refused(copy, says)


def test_an_archive_or_another_file_is_no_submission(made, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "made"), "zip", made)
    refused(Path(archive), "unpack an archive first")
    refused(tmp_path, "no submission.json")


def test_refusals_are_lines_on_stderr_and_exit_code_1(copy, made, capsys):
    data = load(copy)
    data["note"] = "changed"
    save(copy, data)
    argv = ["verify", str(copy), str(made), "--files-only"]
    assert cli.execute(leaderboard.main, argv) == 1
    shown = capsys.readouterr()
    assert f"refused: {copy}: submission.json was edited" in shown.err
    assert "error: 1 of 2 submissions refused" in shown.err and "files agree" in shown.out
    assert cli.execute(leaderboard.main, ["verify", "/no/such"]) == 2
    assert cli.execute(leaderboard.main, ["verify"]) == 2


@pytest.mark.parametrize(
    "options, says",
    [(["--device", "tpu"], "unknown device 'tpu'"),
     (["--model", "/no/such"], "not on this machine"),
     (["--retrain", "-1"], "1 or more"), (["--retrain", "--files-only"], "not --files-only")],
)
def test_what_cannot_be_done_here_is_no_fault_of_a_submission(made, capsys, options, says):
    assert cli.execute(leaderboard.main, ["verify", str(made), *options]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ") and says in said


# -- other machines


def team(returns, invalid=0.0, turns=None):
    return {"returns": returns, "successes": [int(r > 0.5) for r in returns],
            "turns": turns or [9] * len(returns), "invalid": invalid}


def test_another_machine_is_told_apart(made, copy):
    assert tolerance.other_machine(load(made)["runs"][0]["environment"],
                                  load(made)["runs"][1]["environment"]) == []
    data = load(copy)
    for run in data["runs"]:
        run["environment"]["cpu"] = "Abacus 9000"
        save(copy, run["environment"], f"seed{run['seed']}/environment.json")
    seal(copy, data)
    report = verify(copy, {})
    assert report["verdict"] == "the same numbers"
    assert "cpu Abacus 9000 there" in report["runs"][0]["machine"][0]


def test_the_tolerance_of_other_machines():
    claimed = [1.0] * 150 + [0.0] * 50
    few, many = [*claimed], [*claimed]
    few[0], few[199] = 0.0, 1.0
    for k in range(10):
        many[k] = 0.0

    def check(again, exact=False, half=False, name="trained", **results):
        return tolerance.disagreements({name: team(claimed)}, {name: team(again, **results)},
                                      exact=exact, half=half)

    assert check(claimed) == check(claimed, exact=True) == check(few) == []
    assert "2 of 200 episodes differ" in check(few, exact=True)[0]
    assert "2 of 200" in check(few, name="random")[0], "a scripted team rounds nothing"
    assert "at most 4 may" in check(many)[0]
    assert check(many, half=True) == []
    assert "standard errors" in check([r - 0.1 for r in claimed], half=True)[0]
    assert "standard errors" in check([0.0] * 30 + claimed[30:], half=True)[0]
    assert "invalid" in check(claimed, invalid=0.03)[0] and not check(claimed, invalid=0.01)
    assert "invalid" in check(claimed, invalid=0.01, exact=True)[0]
    assert "1 of 200" in check(claimed, exact=True, turns=[8] + [9] * 199)[0]
    extra = tolerance.disagreements({"trained": team(claimed), "best": team(claimed)},
                                   {"trained": team(claimed), "random": team(claimed)},
                                   exact=True, half=False)
    assert extra == ["no results of random, which plays here",
                     "results of best, which does not play"]


def test_half_precision():
    assert tolerance.half_precision("bfloat16", {}) and not tolerance.half_precision("auto", {})
    assert tolerance.half_precision("auto", {"accelerators": ["GPU"]})
    assert not tolerance.half_precision("float32", {"accelerators": ["GPU"]})


# -- pieces


def test_differences_in_words():
    one = {"a": {"b": [1, 2.0]}, "c": True, "d": 1}
    assert list(describe_differences(one, {"a": {"b": [1, 2]}, "c": True, "d": 1.0}, "")) == []
    other = {"a": {"b": [1, 3]}, "c": 1, "d": 1}
    assert list(describe_differences(one, other, "x: ", "y gives")) == [
        "x: a.b[1] says 3, y gives 2.0", "x: c says 1, y gives True",
    ]
    assert list(describe_differences([1], [1, 2], "x ")) == ["x the length of  says 2, expected 1"]
    assert len(list(describe_differences(list(range(9)), [0] * 9, ""))) == 4


def test_recomputed_intervals_may_round_differently_and_no_more():
    one = {"low": 0.123456789, "high": 2}
    near, far = {"low": 0.123456789 * (1 + 1e-7), "high": 2.0}, {"low": 0.1235, "high": 2}
    assert list(describe_differences(one, near, "", relative=1e-6)) == []
    assert len(list(describe_differences(one, near, ""))) == 1, "exact unless it is asked for"
    assert len(list(describe_differences(one, far, "", relative=1e-6))) == 1
    assert len(list(describe_differences({"low": True}, {"low": 1.0}, "", relative=1e-6))) == 1


@pytest.mark.parametrize(("value", "kind", "says"), [
    (True, int, "x is True, no int"), (1.5, int, "no int"), (True, float, "no number"),
    ("1", float, "no number"), (float("inf"), float, "no number"), (5, str, "no str"),
    ([1, "a"], list[int], "x[1] is 'a', no int"), ({"a": 1}, dict[str, str], "x['a'] is 1, no str"),
    ([], dict[str, int], "no object"), (2, str | None, "no str"),
    ({"bytes": 1}, FileEntry, "x lacks 'sha256'"), (7, FileEntry, "x is no object"),
    ({"bytes": 1, "sha256": "", "more": 2}, FileEntry, "x has 'more'"),
])
def test_json_of_another_type_is_named_by_its_path(value, kind, says):
    with pytest.raises(strict_json.InvalidSubmission) as refusal:
        check_type(value, kind, "x")
    assert says in str(refusal.value) and "\n" not in str(refusal.value)


def test_json_of_its_type_is_taken():
    for value, kind in ((1, int), (1, float), (0.5, float), (None, str | None), ([], list[int]),
                        ({"a": {"bytes": 1, "sha256": "f"}}, dict[str, FileEntry]), ({}, dict)):
        check_type(value, kind, "x")


def test_a_strangers_algorithm_is_played_by_a_built_in_of_the_same_execution():
    from colllm_bench.config import RunConfig
    from colllm_bench.leaderboard.submissions.reading import playable
    from colllm_bench.setup.resolve import load_algorithm

    config = RunConfig(algo="./theirs.py:Mine")
    for execution in ("centralized", "decentralized"):
        algorithm = load_algorithm(playable(config, execution).algo)
        assert algorithm.centralized_execution == (execution == "centralized")


def test_the_digest_is_of_what_is_said_not_of_how():
    swapped = json.loads('{"b":[2], "a":1}')
    assert strict_json.digest_of({"a": 1, "b": [2]}) == strict_json.digest_of(swapped)
    assert strict_json.digest_of({"a": 1}) != strict_json.digest_of({"a": 2})


@pytest.mark.parametrize(
    "options", [{}, {"share": "all"}, {"tuning": "full"}, {"tuning": "full", "tied": True}],
    ids=["lora", "shared", "full", "full and tied"],
)
def test_a_saved_team_is_loaded_to_the_bit(model_folder, tmp_path, options):
    import torch
    from helpers import build_team, shake

    from colllm_bench.leaderboard.submissions.replay import _load

    options = dict(options)
    folder = model_folder("Llama", tie_word_embeddings=options.pop("tied", False))
    ours, theirs = (build_team(folder, agents=2, seed=seed, **options) for seed in (0, 1))
    shake(ours)
    ours.save(tmp_path)
    for path in tmp_path.rglob("*.json"):
        if path.name != "adapter_config.json":
            path.unlink()  # a submission has no more than this
    _load(theirs, tmp_path)
    one, other = ours.state_dict(), theirs.state_dict()
    assert one.keys() == other.keys()
    slots = len(set(ours.slot_of_agent))
    for name in one:
        own = slice(None) if ours.adapters is None else slice(0, slots)
        assert torch.equal(one[name][own], other[name][own]), name


def test_a_saved_team_of_another_model_is_refused(model_folder, tmp_path):
    from helpers import build_team

    from colllm_bench.leaderboard.submissions.replay import _load

    build_team(model_folder("Llama"), tuning="full").save(tmp_path)
    with pytest.raises(ConfigError, match="do not fit the model|cannot be loaded"):
        _load(build_team(model_folder("GPT2"), tuning="full"), tmp_path)
