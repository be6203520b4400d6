"""A run that starts from another run's critic."""

from __future__ import annotations

import json

import pytest
import torch
from paths import ROOT
from tiny_envs import tiny_config
from tiny_runs import shake_critic, turns_of

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.learners import critic_files
from colllm_bench.models.value_head import ValueHead
from colllm_bench.runs.folder import RunFolder
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.resolve import resolve
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
    ("dc", {"critic_counts": 64}, "its critic_counts is 0, this run's 64; fix: --critic-counts 0"),
])
def test_what_does_not_fit_is_refused_in_words(algo, changes, says, model_folder, tmp_path):
    saved(model_folder, tmp_path / "run", "dc")
    config = config_of(model_folder, algo, critic_from=str(tmp_path / "run"), **changes)
    with pytest.raises(ConfigError, match=says):
        Trainer(config).begin()


def test_a_critic_of_before_counts_could_be_read_is_taken(model_folder, tmp_path):
    saved(model_folder, tmp_path / "run")
    about = json.loads((tmp_path / "run/critic.json").read_text())
    assert about.pop("critic_counts") == 0
    (tmp_path / "run/critic.json").write_text(json.dumps(about))
    Trainer(config_of(model_folder, critic_from=str(tmp_path / "run"))).begin()
    config = config_of(model_folder, critic_from=str(tmp_path / "run"), critic_counts=8)
    with pytest.raises(ConfigError, match="its critic_counts is 0, this run's 8"):
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


@pytest.mark.parametrize(("factor", "exchanged"), [(0.3, False), (3.0, False), (50.0, True),
                                                   (0.01, True)])
def test_units_of_another_scale_are_exchanged_and_no_value_moves(factor, exchanged):
    head = ValueHead(3, 4, True, torch_generator(0, "head"), "cpu")
    head.fit_targets(torch.tensor([1.0, 2.0, 3.0]))
    drawn = torch_generator(1, "weights")
    with torch.no_grad():
        for tensor in head.value[-1].parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=drawn))
    hidden = torch.randn(5, 4, generator=drawn)
    before = head.values(hidden)
    head.rescale_targets(factor * torch.tensor([5.0, 6.0, 7.0]))
    torch.testing.assert_close(head.values(hidden), before, rtol=1e-4, atol=1e-4)
    scale = factor if exchanged else 1.0
    assert float(head.target_std) == pytest.approx(scale * (2 / 3) ** 0.5)
    assert float(head.target_mean) == pytest.approx(6 * factor if exchanged else 2.0)


def test_equal_targets_tell_no_scale():
    head = ValueHead(3, 4, True, torch_generator(0, "head"), "cpu")
    head.fit_targets(torch.tensor([1.0, 3.0]))
    head.rescale_targets(torch.full((4,), 9.0))
    assert (float(head.target_mean), float(head.target_std)) == (2.0, 1.0)


def test_a_critic_of_one_environment_starts_a_run_of_another_on_the_same_base(tmp_path):
    """Returns of classic's climb are tens, those of credit below 1; the first update finds that
    out, and a run that was stopped before it still will."""
    base = str(ROOT / "colllm_bench" / "models" / "tiny" / "classic")
    small = {"model": base, "style": "brief", "agents": 2, "batch": 8, "episodes": 8, "algo": "cc"}
    old = Trainer(resolve(RunConfig.of(env="classic", **small)))
    old.learn(old.play(0), 0)
    (tmp_path / "run").mkdir()
    critic_files.save(old.critic, tmp_path / "run")
    new = Trainer(resolve(RunConfig.of(
        env="classic", env_options={"game": "broadcast"}, critic_from=str(tmp_path / "run"),
        **small)))
    new.begin()
    (head,) = new.critic.averaged
    assert new.critic.state_dict()["carried"] and float(head.target_std) > 5
    again = Trainer(new.config)
    again.load_state_dict(new.state_dict())
    for trainer in (new, again):
        trainer.learn(trainer.play(0), 0)
        assert float(trainer.critic.averaged[0].target_std) < 2
        assert "carried" not in trainer.critic.state_dict()
    torch.testing.assert_close(
        again.critic.averaged[0].state_dict(), head.state_dict(), rtol=0, atol=0)
