"""Held-out evaluation during training, and finished runs that go on for longer."""

from __future__ import annotations

import json

import pytest
from tiny_envs import tiny_config

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation import held_out
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.status import run_status
from colllm_bench.setup.resolve import resolve
from colllm_bench.training import Callback
from colllm_bench.training.loop import finish, train


@pytest.fixture
def config(model_folder):
    options = {"turns": 1, "vary": 2}
    return tiny_config(
        model_folder(), algo="cc", agents=2, env_options=options, episodes=24, checkpoint_every=3
    )


def run(path, config, callback=None) -> list[dict]:
    make = RunFolder.resume if path.exists() else RunFolder.create
    with make(path, config) as folder:
        finish(train(config, folder, callback), folder)
    return files.read_lines(path / "metrics.jsonl")


def without_evaluations(rows: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if not k.startswith("eval_")} for row in rows]


def contents(path, *but: str) -> dict[str, bytes]:
    return {
        str(p.relative_to(path)): p.read_bytes()
        for p in sorted(path.rglob("*")) if p.is_file() and p.name not in ("timing.jsonl", *but)
    }


class Stop(Callback):
    """Ends the process's part of a run after an iteration, as a failure would."""

    def __init__(self, iteration: int):
        self.iteration = iteration

    def on_iteration(self, row, episodes):
        if row["iteration"] == self.iteration:
            raise KeyboardInterrupt


def test_every_nth_iteration_is_evaluated_and_training_is_the_same(tmp_path, config):
    plain = run(tmp_path / "plain", config)
    rows = run(tmp_path / "evaluated", config.replace(eval_every=2))
    evaluated = [row["iteration"] for row in rows if "eval_return" in row]
    assert len(rows) == config.iterations > 3
    assert evaluated == list(range(1, config.iterations, 2))
    assert not any("eval_return" in row for row in plain)
    assert without_evaluations(rows) == plain
    timing = files.read_lines(tmp_path / "evaluated" / "timing.jsonl")
    assert [row["iteration"] for row in timing if row.get("evaluate", 0) > 0] == evaluated
    # The last evaluation of the training and the run's own are of one team on the same tasks.
    summary = files.read_json(tmp_path / "evaluated" / "summary.json")
    assert config.iterations % 2 == 0
    assert rows[-1]["eval_return"] == summary["return"]["trained"]["mean"]
    assert rows[-1]["eval_invalid"] == summary["invalid"]["trained"]


def test_it_plays_the_split_and_the_number_that_are_configured(tmp_path, config, monkeypatch):
    splits, make = [], held_out.make_env
    monkeypatch.setattr(
        held_out, "make_env",
        lambda config, *, split, **more: splits.append(split) or make(config, split=split, **more),
    )
    train(config.replace(eval_every=3, eval_split="dev", episodes=12, eval_episodes=2))
    assert splits == ["dev"] * min(2, config.batch)


def test_an_interrupted_run_evaluates_to_the_same_bytes(tmp_path, config):
    config = config.replace(eval_every=2)
    run(tmp_path / "calm", config)
    for stop in (Stop(1), Stop(3)):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "interrupted", config, stop)
    run(tmp_path / "interrupted", config)
    assert contents(tmp_path / "interrupted") == contents(tmp_path / "calm")


def test_it_may_change_when_a_run_is_resumed(tmp_path, config):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", config, Stop(2))
    rows = run(tmp_path / "run", config.replace(eval_every=1))
    assert ["eval_return" in row for row in rows] == [False] * 3 + [True] * (len(rows) - 3)


LATER = ("compile_decoding", "eval_every", "lr_schedule", "random_streams", "rollouts",
         "sampling_factor_cap", "vllm_memory")


def test_digests_that_were_published_hold():
    plain = RunConfig(seed=3)
    without = {k: v for k, v in plain.to_dict().items() if k not in ("seed", *LATER)}
    assert plain.digest == files_digest(without)
    assert plain.replace(eval_every=5).digest != plain.digest


def test_options_of_algorithms_that_came_later_leave_published_digests_alone():
    plain = resolve(RunConfig(seed=3))
    without = {k: v for k, v in plain.to_dict().items() if k not in ("seed", *LATER)}
    without["algo_options"] = dict(without["algo_options"])
    assert without["algo_options"].pop("critic_counts") == 0
    assert plain.digest == files_digest(without)
    assert plain.replace(critic_counts=8).digest != plain.digest


def files_digest(settings: dict) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


# -- a finished run that goes on


def test_a_finished_run_goes_on_as_if_it_had_been_longer_from_the_start(tmp_path, config):
    long = config.replace(episodes=48)
    expected = run(tmp_path / "long", long)
    run(tmp_path / "run", config)
    first = (tmp_path / "run" / "summary.json").read_bytes()
    assert run_status(tmp_path / "run", config) == "complete"
    assert run_status(tmp_path / "run", long) == "started"
    assert run(tmp_path / "run", long) == expected
    assert (tmp_path / "run" / "summary-24.json").read_bytes() == first
    found, whole = contents(tmp_path / "run"), contents(tmp_path / "long")
    assert {name: found[name] for name in whole} == whole
    assert files.read_json(tmp_path / "run" / "summary.json")["episodes"] == 48
    assert run_status(tmp_path / "run", long) == "complete"


def test_fewer_episodes_than_recorded_are_refused_and_nothing_is_touched(tmp_path, config):
    run(tmp_path / "run", config)
    before = contents(tmp_path / "run")
    with pytest.raises(ConfigError, match="episodes was 24, is now 12"):
        RunFolder.resume(tmp_path / "run", config.replace(episodes=12))
    with pytest.raises(ConfigError, match="lr"):
        RunFolder.resume(tmp_path / "run", config.replace(episodes=48, lr=0.5))
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize("setting, reason", [
    ({"curriculum": "anneal"}, "its curriculum faded over 64 episodes"),
    ({"lr_schedule": "linear"}, "its learning rate fell to 0 over 64 episodes"),
    ({"algo": "cc", "batch": 32, "algo_options": {"critic_warmup": 2}},
     "in its 2 iterations the critic warmed up for fewer than critic_warmup=2"),
])
def test_what_fades_over_the_run_cannot_be_made_longer(tmp_path, setting, reason):
    config = RunConfig(**setting, episodes=64)
    with RunFolder.create(tmp_path / "run", config):
        pass
    with pytest.raises(ConfigError, match=reason):
        RunFolder.resume(tmp_path / "run", config.replace(episodes=128))
