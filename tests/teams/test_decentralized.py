"""Every agent in a process of its own, which knows its own adapter and the environment's text."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from finished_runs import finished_run

from colllm_bench.errors import RunError
from colllm_bench.evaluation.held_out import play_held_out
from colllm_bench.teams.agent_process import serve
from colllm_bench.teams.decentralized import DecentralizedTeam
from colllm_bench.teams.loading import policy_config, seat_names
from colllm_bench.teams.specs import load_team, team_config


@pytest.fixture(scope="module")
def run(tmp_path_factory, model_folder) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "one", model_folder("Llama"), agents=2)


def test_an_agent_needs_nothing_of_its_teammates(run, tmp_path):
    """In its own words, with only its own folder on the disk: what it was shown in a game of
    the whole team, and nothing else, makes it say what it said there."""
    config = team_config(str(run)).replace(eval_episodes=3)
    agent = seat_names(config)[1]
    shutil.copytree(run / "team" / agent, tmp_path / agent)
    episodes = play_held_out(config, load_team(str(run), config))
    own = [episode.trajectories[1] for episode in episodes]
    lines = [
        {"load": {"agent": agent, "folder": str(tmp_path),
                  "config": policy_config(run, config).to_dict(), "temperature": 1.0,
                  "max_action_tokens": config.max_action_tokens, "seed": config.seed}},
        {"begin": [[e.seed, 0, x.instructions] for e, x in zip(episodes, own)]},
    ]
    longest = max(len(x.turns) for x in own)
    for t in range(longest):
        seen = [x.turns[t].observation if t < len(x.turns) else None for x in own]
        lines.append({"observe": seen})
    said = io.StringIO()
    serve(io.StringIO("".join(json.dumps(line) + "\n" for line in lines)), said)
    ready, *answers = map(json.loads, said.getvalue().splitlines())
    assert ready == {"ready": True}
    assert [answer["act"] for answer in answers] == [
        [x.turns[t].action_text if t < len(x.turns) else None for x in own]
        for t in range(longest)
    ]


@pytest.fixture(scope="module")
def config(run):
    return team_config(str(run)).replace(eval_episodes=4, batch=3)


@pytest.fixture(scope="module")
def player(run, config):
    """Two processes, greedy; the last test ends one of them."""
    made = DecentralizedTeam(run, seat_names(config), config, temperature=0.0, seed=3)
    yield made
    made.close()


@pytest.mark.parametrize("leave", [{}, {1: 1}])
def test_games_of_different_lengths_and_agents_that_leave(leave, player, config, run):
    config = config.replace(env_options={"turns": 2, "vary": 2, "cut": True, "leave": leave})
    batch = play_held_out(config, load_team(str(run), config, temperature=0.0))
    other = play_held_out(config, player)
    assert [e.rewards for e in other] == [e.rewards for e in batch]
    for one, two in zip(batch, other, strict=True):
        for x, y in zip(one.trajectories, two.trajectories, strict=True):
            assert [t.action_text for t in x.turns] == [t.action_text for t in y.turns]
    assert len({process._process.pid for process in player._processes}) == 2


def test_a_process_that_fails_or_dies_is_named(player, config):
    player._processes[0].send({"begin": "nonsense"})
    with pytest.raises(RunError, match="the process of agent 'a_0' failed: ValueError: "):
        player._processes[0].receive("act")
    player._processes[1]._process.kill()
    with pytest.raises(RunError, match="the process of agent 'a_1' failed: it ended with code -9"):
        player._processes[1].receive("act")
    with pytest.raises(RunError, match="failed: it ended with code"):
        play_held_out(config, player)
    player.close()
    assert all(process._process.poll() is not None for process in player._processes)
