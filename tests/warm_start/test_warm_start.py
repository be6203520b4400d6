"""Warm start: demonstrations as a rollout would show them, cloning, resuming, files."""

from __future__ import annotations

import hashlib
import json

import pytest
from helpers import build_team, config_for
from random_models import make_config, make_model, make_tokenizer

import colllm_bench
from colllm_bench import cli, pretrain
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.models.loading import load_base
from colllm_bench.models.prompts import PromptBuilder
from colllm_bench.objectives.batches import collate
from colllm_bench.rollout import rollout
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.language_model import LanguageModelTeam
from colllm_bench.warm_start import cloning, command
from colllm_bench.warm_start.demonstrations import Demonstrator
from colllm_bench.warm_start.plan import Plan


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny random model with a chat template and room for long prompts."""
    folder = tmp_path_factory.mktemp("model")
    make_model(make_config("Llama", max_position_embeddings=8192)).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return str(folder)


def plan_for(model, env="credit", agents=2, options=None, tuning="lora", **settings):
    config = RunConfig.of(
        env=env, model=model, agents=agents, device="cpu", lora_rank=4, tuning=tuning, threads=1,
        env_options={"turns": 2} if options is None else options, seed=3,
    )
    return Plan.of(config, **{"steps": 4, "episodes": 2, "dev_episodes": 3, "check_every": 2,
                              **settings})


def prompts_of(folder):
    base = load_base(folder, device="cpu")
    return PromptBuilder(base.tokenizer, base.context_length, end_ids=base.end_ids)


class Replayed:
    """A session that writes given actions in place of a model."""

    def __init__(self, actions):
        self.actions = iter(actions)

    def generate(self, prompts):
        return [(ids, [0.0] * len(ids)) for ids in next(self.actions)]

    def keep(self, running):
        pass


@pytest.mark.parametrize(("env", "options"), [
    ("strategy", {"level": 1}), ("coding", {"turns": 2}), ("credit", {"turns": 3}),
    ("classic", {"game": "dectiger"}), ("writing", {"turns": 2}),
])
def test_prompts_are_those_of_a_rollout(model, env, options):
    """The same task and actions, played as a team of language models plays: the same ids."""
    config = plan_for(model, env, options=options).config
    assert config.style == "full"
    prompts = prompts_of(model)
    shown = Demonstrator(config, prompts)
    episode = shown.episode(5)
    shown.close()
    days = zip(*(trajectory.turns for trajectory in episode.trajectories))
    session = Replayed([[turn.action_ids for turn in day] for day in days])

    class Policy:
        pass

    policy = Policy()
    policy.prompts, policy.session = prompts, lambda *args, **rest: session
    team = LanguageModelTeam(policy, generator=None, temperature=1.0, max_action_tokens=4096)
    (played,) = rollout([make_env(config, "train")], [episode.seed], [0], team)
    for ours, theirs in zip(episode.trajectories, played.trajectories, strict=True):
        assert [turn.prompt_ids for turn in ours.turns] == [t.prompt_ids for t in theirs.turns]
        assert [turn.action_text for turn in ours.turns] == [t.action_text for t in theirs.turns]
        assert not any(turn.info["invalid"] for turn in theirs.turns)
    assert episode.rewards == played.rewards
    turns = [turn for trajectory in episode.trajectories for turn in trajectory.turns]
    assert all(turn.action_ids[-1] == prompts.end_id for turn in turns)


def files(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def made(plan, folder, stop_at=None):
    """The files of a warm start; with ``stop_at`` it is interrupted there and goes on."""
    class Interrupted(Exception):
        pass

    def tell(line):
        if stop_at is not None and line.startswith(f"step {stop_at}/"):
            raise Interrupted

    argv = ["--model", "m", "--env", plan.config.env]
    if stop_at is not None:
        with pytest.raises(Interrupted):
            command.make(plan, folder, argv, tell)
        assert not (folder / "config.json").exists(), "no half model is found"
    command.make(plan, folder, argv, lambda line: None)
    return files(folder)


@pytest.fixture
def no_goal(monkeypatch):
    monkeypatch.setattr(cloning, "demonstrators_return", lambda plan: 2.0)


def test_interrupted_it_ends_with_the_same_bytes(model, tmp_path, no_goal):
    plan = plan_for(model)
    whole = made(plan, tmp_path / "a")
    assert made(plan, tmp_path / "b", stop_at=2) == whole
    assert {"config.json", "model.safetensors", "chat_template.jinja", "README.md",
            "warm_start.json", "tokenizer.json"} <= whole.keys()
    assert not any(name.startswith(".") for name in whole), "nothing is left behind"
    record = json.loads((tmp_path / "a" / "warm_start.json").read_text())
    assert [row["step"] for row in record["checks"]] == [2, 4] and not record["reached"]


def test_other_settings_do_not_go_on(model, tmp_path, no_goal):
    with pytest.raises(RuntimeError):
        command.make(plan_for(model), tmp_path, [], stop)
    with pytest.raises(ConfigError, match="with other settings .lr=0.001, not 0.1"):
        command.make(plan_for(model, lr=0.1), tmp_path, [], print)


def stop(line):
    if line.startswith("step"):
        raise RuntimeError


def test_adapters_learn_the_forms_and_are_merged(model, tmp_path, no_goal):
    plan = plan_for(model, options={"turns": 1}, steps=20, check_every=20, lr=0.03, episodes=8)
    command.make(plan, tmp_path, ["--model", "m"], lambda line: None)
    record = json.loads((tmp_path / "warm_start.json").read_text())
    assert sum(record["losses"][-3:]) / 3 < record["losses"][0] - 2
    card = (tmp_path / "README.md").read_text()
    assert "20 steps" in card and "credit_v0" in card and "pretrain --model m" in card
    demonstrator = Demonstrator(plan.config, prompts_of(str(tmp_path)))
    batch = collate([demonstrator.episode(10**6 + k) for k in range(8)], 0)
    loss = [
        -build_team(folder, 2).evaluate_actions(batch).logprobs.mean().item()
        for folder in (str(tmp_path), model)
    ]
    assert loss[0] < loss[1] - 2, "what was learned is in the merged weights"


def test_a_fully_tuned_model_plays_and_is_trained_on(model, tmp_path, no_goal):
    plan = plan_for(model, options={"turns": 1}, tuning="full", steps=40, check_every=40, lr=0.01,
                    dev_episodes=16, episodes=8)
    command.make(plan, tmp_path, ["--model", "m"], lambda line: None)
    record = json.loads((tmp_path / "warm_start.json").read_text())
    assert record["losses"][0] > 3 and record["checks"][-1]["invalid"] < 0.3
    config = resolve(config_for(
        str(tmp_path), env="credit", agents=2, env_options={"turns": 1}, algo="mc",
        episodes=8, batch=8, eval_episodes=8, threads=1))
    trainer = colllm_bench.train(config)
    turns = [turn for e in colllm_bench.evaluate_team(trainer.config, trainer.team)
             for x in e.trajectories for turn in x.turns]
    assert sum(not turn.info["invalid"] for turn in turns) >= len(turns) // 2


def test_it_ends_at_the_demonstrators_return(model, tmp_path, monkeypatch):
    monkeypatch.setattr(cloning, "demonstrators_return", lambda plan: -1.0)
    made(plan_for(model), tmp_path / "a")
    record = json.loads((tmp_path / "a" / "warm_start.json").read_text())
    assert record["reached"] and len(record["losses"]) == 2, "the first check is enough"


def test_it_ends_when_the_time_is_up(model, tmp_path, no_goal):
    made(plan_for(model, minutes=1e-9), tmp_path / "a")
    record = json.loads((tmp_path / "a" / "warm_start.json").read_text())
    assert not record["reached"] and [row["step"] for row in record["checks"]] == [1]


def test_the_goal_is_measured_on_the_development_set(model):
    plan = plan_for(model, dev_episodes=40)
    assert 0.15 < cloning.demonstrators_return(plan) < 0.35, "a novice is right in 0.25"


def test_a_run_plays_in_the_style_that_was_cloned(tmp_path):
    def style(folder):
        return resolve(RunConfig(model=str(folder), algo="mc")).style

    assert style(tmp_path) == "full"
    for text, expected in (('{"style": "brief"}', "brief"), ("[]", "full"), ("{", "full")):
        (tmp_path / "warm_start.json").write_text(text)
        assert style(tmp_path) == expected


def test_the_command(model, tmp_path, capsys):
    argv = ["--model", model, "--env", "credit", "--agents", "2", "--turns", "1", "--steps", "1",
            "--episodes", "1", "--dev-episodes", "2", "--device", "cpu", "--threads", "1",
            "--out", str(tmp_path / "warm")]
    assert cli.execute(pretrain.main, argv) == 0
    said = capsys.readouterr().out
    assert "the demonstrators' own return is" in said and "step 1/1  loss" in said
    assert cli.execute(pretrain.main, argv) == 2
    assert "holds a model" in capsys.readouterr().err


@pytest.mark.parametrize(("argv", "line"), [
    (["--model", "MODEL", "--env", "credit"], "--out FOLDER"),
    (["--model", "tiny", "--out", "x"], "made without --model"),
    (["--model", "MODEL", "--out", "x", "--tuning", "full", "--dtype", "bfloat16"], "float32"),
    (["--model", "MODEL", "--out", "x", "--steps", "0"], "steps=0"),
    (["--model", "MODEL", "--out", "x", "--lr", "0"], "lr=0"),
    (["--model", "MODEL", "--out", "x", "--minutes", "-1"], "minutes=-1"),
    (["--model", "MODEL", "--out", "x", "--steps", "2", "--env", "./examples/my_env.py:Rendezvous"],
     "has no demonstrations to clone"),
    (["--model", "MODEL", "--out", "x", "--hidden", "4"], "unknown option '--hidden'"),
])
def test_what_cannot_be_is_said_in_a_line(model, tmp_path, capsys, argv, line):
    argv = [{"MODEL": model, "x": str(tmp_path / "x")}.get(word, word) for word in argv]
    assert cli.execute(pretrain.main, argv) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1
