"""Rollouts by vLLM, against a stand-in of its interface that computes with PEFT."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import fake_vllm
import pytest
import torch
from tiny_envs import Relay, tiny_config

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.models.sampling import PerTurnRandom
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.models.vllm_engine import VLLMEngine, check_engine, make_engine
from colllm_bench.rollout import rollout
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.validate import check_config
from colllm_bench.teams.language_model import LanguageModelTeam

AGENTS = ["a_0", "a_1"]


@pytest.fixture
def engines(monkeypatch):
    return fake_vllm.install(monkeypatch)


@pytest.fixture
def folder(model_folder):
    return model_folder("Llama", max_position_embeddings=1024)


def team_of(folder, **changes):
    config = tiny_config(folder, "mc", rollouts="vllm", **changes)
    return config, TeamPolicy.build(config, AGENTS, generator=torch_generator(0, "adapters"))


def move(team, seed: int) -> None:
    """Other policies: every adapter another one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensors in team.parameters().values():
            for tensor in tensors:
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))


def play(team, engine=None, temperature=0.0, seed=0, **options):
    player = LanguageModelTeam(
        team, generator=torch_generator(seed, "play"), temperature=temperature,
        max_action_tokens=5, engine=engine,
    )
    envs = [Relay(turns=2, vary=3, **options) for _ in range(4)]
    return rollout(envs, [0, 1, 2, 3], [0, 1, 2, 3], player)


def turns_of(episodes):
    return [turn for e in episodes for x in e.trajectories for turn in x.turns]


def said(episodes):
    return [(turn.prompt_ids, turn.action_ids) for turn in turns_of(episodes)]


@pytest.mark.parametrize("share", ["none", "all"])
@pytest.mark.parametrize("leave", [(), {1: 1}.items()], ids=["all stay", "one leaves"])
def test_greedy_episodes_are_those_of_the_team_itself(engines, folder, share, leave):
    config, team = team_of(folder, share=share)
    engine = make_engine(team, config)
    for seed in (1, 2):  # the second time with adapters swapped
        move(team, seed)
        ours, theirs = play(team, leave=leave), play(team, engine, leave=leave)
        assert said(ours) == said(theirs)
        for own, other in zip(turns_of(ours), turns_of(theirs), strict=True):
            assert other.logprobs == pytest.approx(own.logprobs, abs=1e-4)
    slots = 2 if share == "none" else 1
    ids = {request.lora_int_id for _, request, _ in engines.made[0].requests}
    assert ids == set(range(1, 2 * slots + 1)), "an id for each policy of each iteration"
    assert engines.made[0].max_loras == slots and len(engines.made) == 1


def test_adapters_are_handed_over_in_a_folder_that_does_not_grow(engines, folder):
    config, team = team_of(folder)
    engine = VLLMEngine(team, config)
    for _ in range(3):
        play(team, engine)
    paths = [Path(request.lora_path) for _, request, _ in engines.made[0].requests]
    root = paths[-1].parents[1]
    assert [path.name for path in root.iterdir()] == ["3"] and paths[-1].is_dir()
    assert not paths[0].exists()


def test_a_seed_names_the_actions_and_rows_keep_their_streams(engines, folder):
    config, team = team_of(folder)
    engine = VLLMEngine(team, config)
    first = said(play(team, engine, temperature=1.0))
    assert first == said(play(team, engine, temperature=1.0))
    assert first != said(play(team, engine, temperature=1.0, seed=1))

    def alone(episodes, kept=None):
        names = [(agent, episode) for agent in AGENTS for episode in episodes]
        session = engine.session(
            len(episodes), generator=PerTurnRandom(7, names, 5), temperature=1.0,
            max_action_tokens=5,
        )
        start = [[20 + a, 30] for a in range(2) for _ in episodes]
        one = session.generate(start)
        if kept is not None:
            session.keep(kept)
        two = session.generate([[40]] * len(one if kept is None else 2 * kept))
        return one, two

    (one, two), (single, after) = alone([0, 1, 2], kept=[1]), alone([1])
    assert [one[1], one[4]] == single and two == after


def test_a_full_context_ends_the_episode_for_all(engines, model_folder):
    config, team = team_of(model_folder("Llama", max_position_embeddings=64))
    session = VLLMEngine(team, config).session(
        2, generator=torch_generator(0), temperature=1.0, max_action_tokens=5
    )
    long, short = [20] * 60, [20] * 4
    actions = session.generate([long, short, short, short])
    assert actions[0] is actions[2] is None and actions[1] and actions[3]
    assert session.generate([None] * 4) == [None] * 4
    assert len(engines.made[0].requests) == 2


def test_an_answer_of_another_form_is_refused(engines, folder, monkeypatch):
    config, team = team_of(folder)
    engine = VLLMEngine(team, config)
    monkeypatch.setattr(engines, "generate", lambda self, *a, **k: [])
    with pytest.raises(RunError, match="0 answers to 2 requests"):
        engine.session(1, generator=torch_generator(0), temperature=1.0,
                       max_action_tokens=2).generate([[20], [21]])


def test_what_vllm_cannot_do_is_refused_in_words(engines, folder, tmp_path):
    check_engine(tiny_config(folder, "mc"))
    with pytest.raises(ConfigError, match="tuning 'full'"):
        check_config(tiny_config(folder, "mc", rollouts="vllm", tuning="full"))
    with pytest.raises(ConfigError, match="replay 2"):
        check_config(tiny_config(folder, "cc", rollouts="vllm", replay=2))
    with pytest.raises(ConfigError, match="lora_rank 600"):
        check_config(tiny_config(folder, "mc", rollouts="vllm", lora_rank=600))
    config, team = team_of(folder)
    team.loaded.source = str(tmp_path / "model.gguf")
    with pytest.raises(ConfigError, match="a GGUF file"):
        VLLMEngine(team, config)
    assert make_engine(team, config.replace(rollouts="torch")) is None


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed")
def test_a_missing_package_is_told_with_what_to_do(folder):
    with pytest.raises(ConfigError, match=r"the package vllm is not installed.*\[train,vllm\]"):
        check_config(tiny_config(folder, "mc", rollouts="vllm"))
