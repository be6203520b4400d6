"""A run that starts from another run's critic."""

from __future__ import annotations

import json

import pytest
import torch
from tiny_envs import tiny_config
from tiny_runs import shake_critic, turns_of

from colllm_bench.errors import ConfigError
from colllm_bench.learners import critic_files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.training.loop import train
from colllm_bench.training.trainer import Trainer


def config_of(model_folder, algo="cc", **changes):
    return tiny_config(model_folder("Llama", max_position_embeddings=1024), algo, **changes)


def saved(model_folder, where, algo="cc", **changes):
    """The folder of a critic that has learned something, and its trainer."""
    trainer = Trainer(config_of(model_folder, algo, **changes))
    shake_critic(trainer)
    trainer.learn(trainer.play(0), 0)
    where.mkdir()
    critic_files.save(trainer.critic, where)
    return trainer


@pytest.mark.parametrize("algo", ["cc", "seq", "hier"])
@pytest.mark.parametrize("options", [{}, {"critic_backbone": "adapters"}])
def test_a_critic_serves_a_team_of_another_size(algo, options, model_folder, tmp_path):
    old = saved(model_folder, tmp_path / "run", algo, agents=2, **options)
    config = config_of(
        model_folder, algo, agents=5, seed=9, critic_from=str(tmp_path / "run"), **options
    )
    new = Trainer(config)
    new.begin()
    ours, theirs = new.critic.averaged[0].state_dict(), old.critic.averaged[0].state_dict()
    assert ours.keys() == theirs.keys() and bool(ours["fitted"][0])
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=0)
        torch.testing.assert_close(new.critic.critic.heads[0].state_dict()[name], ours[name])
    assert "explained_variance" in new.learn(new.play(0), 0)


def test_it_gives_the_values_that_it_gave(model_folder, tmp_path):
    old = saved(model_folder, tmp_path / "run")
    episodes = old.play(1)
    old.critic.write_values(episodes)
    before = [turn.value for turn in turns_of(episodes)]
    new = Trainer(config_of(model_folder, seed=4, critic_from=str(tmp_path / "run")))
    new.begin()
    new.critic.write_values(episodes)
    assert [turn.value for turn in turns_of(episodes)] == pytest.approx(before, abs=1e-6)
    assert len(set(before)) > 1


def test_critics_of_each_agent_are_taken_by_index(model_folder, tmp_path):
    old = saved(model_folder, tmp_path / "run", "dc")
    new = Trainer(config_of(model_folder, "dc", critic_from=str(tmp_path / "run")))
    new.begin()
    for one, other in zip(new.critic.averaged, old.critic.averaged, strict=True):
        torch.testing.assert_close(one.value[-1].weight, other.value[-1].weight)


@pytest.mark.parametrize(("algo", "changes", "says"), [
    ("dc", {"agents": 2}, r"it has 3 critics \(of 3 agents\), this run needs 2.*--agents 3"),
    ("cc", {}, "it has 3 critics .* this run needs 1.*same algorithm"),
    ("dc", {"critic_width": 8}, "its critic_width is 64, this run's 8; fix: --critic-width 64"),
    ("dc", {"critic_history": False}, "its critic_history is True"),
    ("dc", {"critic_backbone": "adapters"}, "its critic_backbone is frozen"),
])
def test_what_does_not_fit_is_refused_in_words(algo, changes, says, model_folder, tmp_path):
    saved(model_folder, tmp_path / "run", "dc")
    config = config_of(model_folder, algo, critic_from=str(tmp_path / "run"), **changes)
    with pytest.raises(ConfigError, match=says):
        Trainer(config).begin()


def test_another_base_no_run_and_a_damaged_file_are_refused(model_folder, tmp_path):
    saved(model_folder, tmp_path / "run")
    config = config_of(model_folder, critic_from=str(tmp_path / "run"))
    about = json.loads((tmp_path / "run/critic.json").read_text())
    (tmp_path / "run/critic.json").write_text(json.dumps({**about, "base": "0" * 16}))
    with pytest.raises(ConfigError, match="reads a base model with digest 0000"):
        Trainer(config).begin()
    (tmp_path / "run/critic.json").write_text(json.dumps(about))
    (tmp_path / "run/critic.safetensors").write_bytes(b"torn")
    with pytest.raises(ConfigError, match="critic.safetensors is damaged"):
        Trainer(config).begin()
    with pytest.raises(ConfigError, match="no critic can be read there"):
        Trainer(config_of(model_folder, critic_from=str(tmp_path / "nowhere"))).begin()
    (tmp_path / "mc").mkdir()
    (tmp_path / "mc/summary.json").write_text("{}")
    with pytest.raises(ConfigError, match="this one has none"):
        Trainer(config_of(model_folder, critic_from=str(tmp_path / "mc"))).begin()


def test_a_resumed_run_does_not_start_again(model_folder, tmp_path):
    saved(model_folder, tmp_path / "run")
    config = config_of(model_folder, critic_from=str(tmp_path / "run"), checkpoint_every=1)
    with RunFolder.create(tmp_path / "a", config) as folder:
        train(config, folder)
    lines = (tmp_path / "a/metrics.jsonl").read_bytes()
    (tmp_path / "a/checkpoints/iteration-000002.pt").unlink()
    (tmp_path / "run/critic.safetensors").unlink()
    with RunFolder.resume(tmp_path / "a") as folder:
        train(config, folder)
    assert (tmp_path / "a/metrics.jsonl").read_bytes() == lines
