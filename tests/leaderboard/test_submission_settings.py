"""Submissions with changed settings or other models are refused with the reason."""

from __future__ import annotations

import json
import shutil

import pytest
from submission_files import change_setting, load, refused, save, seal

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.verify import verify

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
    from colllm_bench.leaderboard.submissions.recompute import retrain

    found = read_submission(folder)
    return retrain(found, found.configs[seed], iterations, [])


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
    from colllm_bench.leaderboard.submissions.recompute import retrain

    config = RunConfig(**load(copy)["config"], seed=0)
    with pytest.raises(ConfigError, match="another machine: cpu"):
        retrain(None, config, 0, ["cpu this there"])
    with pytest.raises(ConfigError, match="stranger's code"):
        retrain(None, config.replace(algo="./evil.py:Best"), 0, [])


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
