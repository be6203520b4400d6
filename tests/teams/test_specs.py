"""Teams by name: run folders, checkpoints, references; some seats of one, the rest of another."""

from __future__ import annotations

from pathlib import Path

import pytest
from finished_runs import finished_run

from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import evaluate_team, play_held_out, raw_results
from colllm_bench.runs.files import read_json
from colllm_bench.teams.digest import weights_digest
from colllm_bench.teams.loading import (
    finished,
    load_trained,
    seat_names,
    team_folder,
)
from colllm_bench.teams.mixed import MixedTeam
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.teams.specs import load_team, parse_team, team_config


@pytest.fixture(scope="module")
def run(tmp_path_factory, model_folder) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "one", model_folder("Llama"))


def said(episodes):
    return [[turn.action_text for turn in x.turns] for e in episodes for x in e.trajectories]


def played(team, config, **options):
    return said(play_held_out(config, load_team(team, config, **options)))


def test_a_run_plays_what_it_learned(run):
    """The team of the folder gives the numbers of the run's own evaluation, to the last digit."""
    config = team_config(str(run))
    team = load_trained(run, seat_names(config))
    recorded = read_json(run / "summary.json")["held_out"]["trained"]
    assert raw_results(evaluate_team(config, team)) == recorded
    untrained = played("untrained", config, temperature=0.0)
    assert played(str(run), config, temperature=0.0) != untrained


def test_the_team_of_a_run_that_is_not_finished(run, tmp_path, model_folder):
    """Its last checkpoint plays like the finished run, and nothing in the folder changes."""
    open_run = finished_run(tmp_path / "open", model_folder("Llama"), done=False)
    (open_run / "checkpoints" / "iteration-000009.pt").write_bytes(b"torn")
    before = {p: p.stat().st_mtime_ns for p in open_run.rglob("*")}
    config = team_config(str(run))
    assert not finished(open_run) and finished(run)
    assert played(str(open_run), config) == played(str(run), config)
    assert weights_digest(open_run) == weights_digest(run)
    assert {p: p.stat().st_mtime_ns for p in open_run.rglob("*")} == before


@pytest.mark.parametrize("changes", [
    dict(algo="cc"), dict(share="all"), dict(share="role"), dict(tuning="full", agents=2),
    dict(algo="central"), dict(algo="cc", critic_backbone="adapters"),
])
def test_every_kind_of_run_plays_from_its_folder_and_its_checkpoint(
    changes, tmp_path, model_folder
):
    algo = changes.pop("algo", "mc")
    own = {"algo": algo, "eval_episodes": 2, **changes}
    model = model_folder("Llama", max_position_embeddings=1024)
    done = finished_run(tmp_path / "done", model, **own)
    half = finished_run(tmp_path / "half", model, done=False, **own)
    config = team_config(str(done))
    team = load_trained(done, seat_names(config))
    assert raw_results(evaluate_team(config, team)) == (
        read_json(done / "summary.json")["held_out"]["trained"]
    )
    assert played(str(half), config) == played(str(done), config)


def test_an_agent_says_the_same_whoever_sits_beside_it(run):
    """Sampled, in another batch, with one seat of its own and a different teammate beside it in
    the first turn; later turns hear the same because no agent of this game hears another."""
    config = team_config(str(run)).replace(eval_episodes=6)
    whole = play_held_out(config, load_team(str(run), config, seed=5))
    mixed = MixedTeam([
        (load_team(str(run), config, seats=[0, 2], seed=5), [0, 2]),
        (load_team("untrained", config, seats=[1], seed=5), [1]),
    ])
    other = play_held_out(config.replace(batch=5), mixed)
    for one, two in zip(whole, other, strict=True):
        for seat in (0, 2):
            texts = [[t.action_text for t in e.trajectories[seat].turns] for e in (one, two)]
            assert texts[0] == texts[1]
    assert [said([e])[1] for e in whole] != [said([e])[1] for e in other]
    assert played(str(run), config, seed=6) != said(whole)


class Parrot:
    def reset(self, agent, instructions, seed):
        self.agent = agent

    def act(self, observation, info):
        return f"{self.agent} {observation}"


def test_seats_of_a_mixed_team_reach_their_own_players(run):
    """Agents that leave early, episodes of different lengths, a truncated end."""
    config = team_config(str(run)).replace(
        eval_episodes=4, env_options={"turns": 2, "vary": 2, "leave": {1: 1}, "cut": True}
    )
    parrots = MixedTeam([(ScriptedTeam(Parrot), [2, 0]), (ScriptedTeam(Parrot), [1])])
    assert play_held_out(config, parrots) == play_held_out(config, ScriptedTeam(Parrot))
    model = MixedTeam([(load_team(str(run), config), [0, 1, 2])])
    assert play_held_out(config, model) == play_held_out(config, load_team(str(run), config))


def test_names_that_name_no_team(run, tmp_path):
    for name, told in {
        "best": "team 'best' is unknown: no such folder; allowed: a run folder, untrained,",
        str(tmp_path): "holds no run: no config.json in it",
        str(run.parent): f"fix: one of its runs, such as {run}",
        "openai:": "names no model; fix: openai:MODEL",
    }.items():
        with pytest.raises(ConfigError) as caught:
            parse_team(name)
        assert told in str(caught.value)
    assert parse_team(str(run / "team")) == parse_team(str(run))
    assert str(parse_team("openai:org/model:tag")) == "openai:org/model:tag"


def test_a_run_without_a_team_says_so(run, tmp_path):
    (tmp_path / "config.json").write_bytes((run / "config.json").read_bytes())
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds no trained team: neither .*team nor a checkpoint"):
        team_folder(tmp_path)


def test_more_agents_than_were_trained(run):
    config = team_config(str(run)).replace(agents=4)
    with pytest.raises(ConfigError, match="no trained agent 'a_3'; allowed: a_0, a_1, a_2"):
        load_team(str(run), config)


def test_an_environment_without_references(run):
    with pytest.raises(ConfigError, match="has no scripted team"):
        load_team("scripted", team_config(str(run)))
