"""A transcript that reaches the end of the model's context is its own episode's matter."""

from __future__ import annotations

import json

import pytest
import torch
from tiny_envs import tiny_config

from colllm_bench.errors import ConfigError
from colllm_bench.objectives.critic_inputs import CriticSequence, ValuePosition, within_context
from colllm_bench.runs.folder import RunFolder
from colllm_bench.training.loop import finish, train
from colllm_bench.training.trainer import Trainer

CONTEXT = 100  # three turns of the relay fit, and not always the fourth


def config_of(model_folder, algo, context=CONTEXT, **changes):
    folder = model_folder("Llama", max_position_embeddings=context)
    return tiny_config(folder, algo, env_options={"turns": 4}, **changes)


@pytest.mark.parametrize("algo", ["mc", "cc", "dc"])
def test_an_episode_ends_where_the_context_does(model_folder, algo):
    trainer = Trainer(config_of(model_folder, algo))
    with pytest.warns(UserWarning, match="end of the model's context of 100"):
        episodes = trainer.play(0)
    assert any(e.context_exceeded for e in episodes)
    for episode in episodes:
        lengths = {len(x.turns) for x in episode.trajectories}
        assert len(lengths) == 1
        for trajectory in episode.trajectories:
            last = trajectory.turns[-1]
            tokens = sum(len(t.prompt_ids) + len(t.action_ids) for t in trajectory.turns)
            assert all(t.action_text is not None and t.reward is not None for t in trajectory.turns)
            assert last.truncated == episode.context_exceeded != last.terminated
            assert tokens + len(trajectory.final_prompt_ids or []) <= CONTEXT
            assert bool(trajectory.final_prompt_ids) == last.truncated
    if algo != "mc":
        trainer.critic.write_values(episodes)
        for episode in episodes:
            values = [t.value for x in episode.trajectories for t in x.turns]
            finals = [x.final_value for x in episode.trajectories]
            assert None not in values
            assert (None not in finals) == episode.context_exceeded


@pytest.mark.parametrize("algo", ["mc", "cc"])
def test_a_run_goes_on_is_resumed_and_counts_them(model_folder, algo, tmp_path):
    config = config_of(model_folder, algo, episodes=12, batch=4, eval_episodes=4,
                       group=2 if algo == "mc" else None)

    def run(path, stop=None):
        with RunFolder.create(path, config) as folder:
            trainer = train(config, folder)
            finish(trainer, folder)
        return (path / "metrics.jsonl").read_bytes()

    whole = run(tmp_path / "whole")
    rows = [json.loads(line) for line in whole.splitlines()]
    assert len(rows) == 3 and all(1 <= row["context_exceeded"] <= 4 for row in rows)
    path = tmp_path / "cut"
    run(path)
    (path / "summary.json").unlink()
    for stale in sorted((path / "checkpoints").iterdir())[-1:]:
        for file in sorted(stale.rglob("*"), reverse=True) if stale.is_dir() else []:
            file.unlink()
        stale.rmdir() if stale.is_dir() else stale.unlink()
    with RunFolder.resume(path) as folder:
        finish(train(folder.config, folder), folder)
    assert (path / "metrics.jsonl").read_bytes() == whole
    assert (path / "summary.json").exists()


def test_a_first_observation_is_shown_as_far_as_it_fits(model_folder):
    trainer = Trainer(config_of(model_folder, "mc", context=34))
    with pytest.warns(UserWarning, match="context of 34"):
        episodes = trainer.play(0)
    shortened = [t for e in episodes for x in e.trajectories for t in x.turns]
    assert all(e.context_exceeded and len(e.rewards) == 1 for e in episodes)
    assert all(len(t.prompt_ids) + len(t.action_ids) <= 34 for t in shortened)
    with pytest.raises(ConfigError, match="context of 12; fix: fewer turns"):
        Trainer(config_of(model_folder, "mc", context=12)).play(0)


def test_a_critics_windows_read_what_fits():
    reads = [ValuePosition(column, turns=[column]) for column in (3, 9, 14, 19)]
    long = CriticSequence(0, list(range(20)), reads)
    short = CriticSequence(0, [7, 8], [ValuePosition(1)])
    fitting = within_context([long, short], 10)
    assert fitting[-1] is short and all(len(h.ids) <= 10 for h in fitting)
    places = [(h.ids[r.column], r.turns) for h in fitting[:-1] for r in h.positions]
    assert places == [(3, [3]), (9, [9]), (14, [14]), (19, [19])]
    assert fitting[0].ids == list(range(10))  # as far as it fits, nothing is left out
    assert all(read.column >= 5 for h in fitting[1:-1] for read in h.positions)
    assert within_context([long], None) == [long] == within_context([long], 20)


def test_values_of_sequences_that_fit_are_what_they_were(model_folder):
    folder = model_folder("Llama", max_position_embeddings=1024)
    trainer = Trainer(tiny_config(folder, "cc", env_options={"turns": 4}))
    episodes = trainer.play(0)
    torch.nn.init.normal_(trainer.critic.critic.weights[0])
    trainer.critic.write_values(episodes)
    whole = [t.value for e in episodes for t in e.trajectories[0].turns]
    trainer.critic.context = 256
    with pytest.warns(UserWarning, match="critic's history is longer"):
        trainer.critic.write_values(episodes)
    windows = [t.value for e in episodes for t in e.trajectories[0].turns]
    for four, others in zip(range(0, len(whole), 4), range(0, len(whole), 4), strict=True):
        assert windows[four : four + 2] == pytest.approx(whole[others : others + 2], abs=1e-4)
    assert windows != pytest.approx(whole, abs=1e-4)
