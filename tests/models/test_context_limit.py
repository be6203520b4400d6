"""A transcript that reaches the end of the model's context is its own episode's matter."""

from __future__ import annotations

import json

import pytest
from tiny_envs import tiny_config
from tiny_runs import shake_critic, trainer_for

from colllm_bench.errors import ConfigError
from colllm_bench.objectives.critic_inputs import (
    CriticCell,
    CriticReading,
    CriticRow,
    Span,
    within_context,
)
from colllm_bench.runs.folder import RunFolder
from colllm_bench.training.loop import finish, train
from colllm_bench.training.trainer import Trainer

CONTEXT = 100  # three turns of the relay fit, and not always the fourth


def config_of(model_folder, algo, context=CONTEXT, **changes):
    folder = model_folder("Llama", max_position_embeddings=context)
    return tiny_config(folder, algo, env_options={"turns": 4}, **changes)


@pytest.mark.parametrize("algo", ["mc", "cc", "dc", "seq", "hier"])
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
    def reading(ids, *spans):
        cells = [CriticCell(0, Span(0, start, stop)) for start, stop in spans]
        return CriticReading([CriticRow(0, ids)], cells, [])

    long = reading(list(range(20)), (2, 4), (8, 10), (13, 15), (18, 20))
    fitting = within_context(long, 10)
    assert all(len(row.ids) <= 10 for row in fitting.rows)
    read = [fitting.rows[c.observed.row].ids[c.observed.start : c.observed.stop]
            for c in fitting.cells]
    assert read == [[2, 3], [8, 9], [13, 14], [18, 19]]
    assert fitting.rows[0].ids == list(range(10))  # as far as it fits, nothing is left out
    assert [c.observed.row for c in fitting.cells] == [0, 0, 1, 2]
    assert all(c.observed.start >= 5 for c in fitting.cells[2:]), "half a context before a span"
    assert within_context(long, None) is long is within_context(long, 20)
    # Of a span that is longer than a context its last tokens are read.
    (cell,) = within_context(reading(list(range(20)), (0, 20)), 10).cells
    cut = within_context(reading(list(range(20)), (0, 20)), 10).rows[cell.observed.row].ids
    assert cut[cell.observed.start : cell.observed.stop] == list(range(10, 20))


@pytest.mark.parametrize(("algo", "backbone"), [
    ("cc", "frozen"), ("cc", "adapters"), ("seq", "frozen"), ("hier", "frozen"),
])
def test_values_of_histories_that_fit_are_what_they_were(model_folder, algo, backbone):
    trainer = trainer_for(
        model_folder, algo, env_options={"turns": 4}, critic_backbone=backbone,
        critic_history=False,
    )
    shake_critic(trainer)
    episodes = trainer.play(0)

    def values():
        trainer.critic._cache.clear()  # an episode is read once
        trainer.critic.write_values(episodes)
        return [[t.value for t in e.trajectories[0].turns] for e in episodes]

    whole = values()
    rows = [row for e in episodes for row in trainer.critic.critic_input.read(e).rows]
    trainer.critic.context = max(len(row.ids) for row in rows) * 3 // 5
    with pytest.warns(UserWarning, match="critic's history is longer"):
        windows = values()
    for one, other in zip(windows, whole, strict=True):
        assert one[:2] == pytest.approx(other[:2], abs=1e-4)
    assert any(one[3] != pytest.approx(other[3], abs=1e-4)
               for one, other in zip(windows, whole, strict=True))
