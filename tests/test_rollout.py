"""The loop that plays: lockstep, ends of all kinds, and environments that break the contract."""

from __future__ import annotations

import math
import random
import sys

import pytest
import torch
from helpers import batch_of, build_team, shake
from tiny_envs import Relay

from colllm_bench.errors import RunError
from colllm_bench.rollout import rollout, text_of
from colllm_bench.teams.language_model import LanguageModelTeam
from colllm_bench.teams.scripted import ScriptedTeam


class Teller:
    """A scripted policy that says what it was told, and a number of its own luck."""

    def reset(self, agent, instructions, seed):
        self.said, self.luck = instructions.replace("you are ", ""), random.Random(seed)
        assert agent == self.said

    def act(self, observation, info):
        assert info == {"legal_actions": ["go"]} or "score" not in info
        return f"{self.said}:{observation}:{self.luck.randrange(1000)}"


def tell(envs, seeds, groups=None, player=None):
    groups = list(range(len(envs))) if groups is None else groups
    return rollout(envs, seeds, groups, player or ScriptedTeam(Teller))


def team_player(team, seed=0, temperature=1.0):
    generator = torch.Generator().manual_seed(seed)
    return LanguageModelTeam(
        team, generator=generator, temperature=temperature, max_action_tokens=3
    )


def lengths(episode):
    return [len(trajectory.turns) for trajectory in episode.trajectories]


def test_a_turn_holds_what_was_seen_said_and_won():
    env = Relay(agents=2, turns=3)
    (episode,) = tell([env], [5], [9])
    assert (episode.seed, episode.group, episode.success) == (5, 9, episode.rewards[-1] > 0.5)
    assert episode.score == {"days": 3.0}
    assert [x.agent for x in episode.trajectories] == ["a_0", "a_1"]
    assert [x.index for x in episode.trajectories] == [0, 1]
    assert [x.instructions for x in episode.trajectories] == ["you are a_0", "you are a_1"]
    for t, heard in enumerate(env.heard):
        said = {x.agent: x.turns[t].action_text for x in episode.trajectories}
        assert heard == said
        value = sum(map(ord, "".join(said.values()))) % 5 / 4
        for trajectory in episode.trajectories:
            turn = trajectory.turns[t]
            assert turn.observation.startswith(f"day {t} card ") and turn.reward == value
            assert (turn.terminated, turn.truncated) == (t == 2, False)
            assert turn.info["score"] == {"days": t + 1.0} and turn.value is None
    assert episode.return_ == sum(episode.rewards)


def test_episodes_of_different_length_stay_with_their_players():
    envs = [Relay(turns=1, vary=5) for _ in range(6)]
    seeds = [3, 0, 4, 1, 0, 2]
    together = tell(envs, seeds)
    assert [lengths(e) for e in together] == [[1 + s % 5] * 2 for s in seeds]
    assert [e.seed for e in together] == seeds
    for seed, episode in zip(seeds[:4], together[:4], strict=True):
        (alone,) = tell([Relay(turns=1, vary=5)], [seed], [episode.group])
        assert alone == episode


def test_a_scripted_team_plays_a_task_the_same_in_any_company():
    alone = tell([Relay()], [7], [0])[0]
    among = tell([Relay() for _ in range(4)], [1, 2, 7, 7], [0, 0, 0, 0])
    assert among[2] == alone
    shared = among[3].trajectories[0].turns[0].observation
    assert shared == alone.trajectories[0].turns[0].observation
    assert among[3] != alone, "two episodes of one task need two teams' luck"


def test_agents_that_leave_early():
    env = Relay(agents=3, turns=4, leave={0: 1, 2: 3})
    (episode,) = tell([env], [0])
    assert lengths(episode) == [1, 4, 3]
    assert [sorted(heard) for heard in env.heard] == [
        ["a_0", "a_1", "a_2"], ["a_1", "a_2"], ["a_1", "a_2"], ["a_1"],
    ]
    assert [x.turns[-1].terminated for x in episode.trajectories] == [True] * 3
    assert not any(turn.terminated for x in episode.trajectories for turn in x.turns[:-1])
    assert len(episode.rewards) == 4


def test_truncation_keeps_what_would_have_been_seen(model_folder):
    team = build_team(model_folder(), 2)
    for cut in (False, True):
        (episode,) = rollout([Relay(turns=2, cut=cut)], [1], [0], team_player(team))
        for trajectory in episode.trajectories:
            last = trajectory.turns[-1]
            assert (last.terminated, last.truncated) == (not cut, cut)
            if not cut:
                assert trajectory.final_prompt_ids is None
                continue
            text = team.tokenizer.decode(trajectory.final_prompt_ids)
            assert "day 2 card " in text
            assert trajectory.final_prompt_ids != last.prompt_ids


def test_both_ends_at_once_count_as_a_termination():
    class Both(Relay):
        def step(self, actions):
            observations, rewards, ended, cut, infos = super().step(actions)
            return observations, rewards, ended, dict(ended), infos

    (episode,) = tell([Both(turns=2)], [0])
    assert [(turn.terminated, turn.truncated) for turn in episode.trajectories[0].turns] == [
        (False, False), (True, False),
    ]


@pytest.mark.parametrize(("fault", "message"), [
    ("nan", "'a_1' the reward nan"),
    ("inf", "'a_1' the reward inf"),
    ("unequal", "a team shares one reward"),
    ("vanish", "'a_0' has not ended but is no longer in env.agents"),
    ("stay", "'a_0' ended but is still in env.agents"),
    ("return", "'a_0' had left and came back"),
    ("late", r"\['a_1'\] are not there at reset"),
    ("picture", "must be text"),
])
def test_a_broken_contract_is_refused(fault, message):
    leave = {0: 1} if fault == "return" else {}
    with pytest.raises(RunError, match=message):
        tell([Relay(turns=3, fault=fault, leave=leave)], [0])


@pytest.mark.parametrize(("fault", "when"), [("late", "reset"), ("nan", "turn [123]")])
def test_an_error_names_seed_and_turn(fault, when):
    with pytest.raises(RunError, match=rf"\(seed 7, {when}\)$"):
        tell([Relay(turns=3, fault=fault)], [7])


def test_an_environments_own_error_keeps_its_type():
    class Torn(Relay):
        def step(self, actions):
            return {}["nothing"]

    with pytest.raises(KeyError) as caught:
        tell([Torn()], [7])
    assert getattr(caught.value, "__notes__", ["seed 7, turn 1"]) == ["seed 7, turn 1"]


def test_an_episode_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr(sys.modules["colllm_bench.rollout"], "MOST_TURNS", 20)
    with pytest.raises(RunError, match=r"of Relay \(seed 5\) has no end after 20 turns"):
        tell([Relay(turns=10**9)], [5])
    assert len(tell([Relay(turns=20)], [5])[0].rewards) == 20


def test_text_of():
    assert text_of({"text": "a", "board": 1}) == text_of("a") == "a"
    for wrong in ({"board": "a"}, None, 7, {"text": b"a"}):
        with pytest.raises(RunError, match="must be text"):
            text_of(wrong)


def test_envs_seeds_and_groups_are_equally_many():
    with pytest.raises(ValueError, match="zip"):
        tell([Relay(), Relay()], [0], [0, 0])


def test_a_seed_decides_a_teams_episodes(model_folder):
    team = build_team(model_folder(), 2)

    def play(seed):
        envs = [Relay(turns=2, vary=3) for _ in range(4)]
        return rollout(envs, [0, 1, 2, 3], [0, 0, 1, 1], team_player(team, seed))

    assert play(0) == play(0)
    assert play(0) != play(1)


def test_sampled_ids_are_the_ids_that_are_kept(model_folder):
    """Agents leave, episodes end at different turns; each transcript scored as a whole gives
    the log-probabilities that were sampled, at the temperature that was sampled."""
    team = build_team(model_folder(), 3)
    shake(team)
    envs = [Relay(agents=3, turns=2, vary=3, leave={1: 1}) for _ in range(4)]
    for temperature in (1.0, 0.6):
        player = team_player(team, 3, temperature)
        episodes = rollout(envs, [0, 1, 2, 3], [0] * 4, player)
        assert [lengths(e) for e in episodes] == [[2 + s % 3, 1, 2 + s % 3] for s in range(4)]
        batch = batch_of(team, episodes)
        scores = team.evaluate_actions(batch, temperature=temperature).logprobs.detach()
        torch.testing.assert_close(scores, batch.logprobs, atol=1e-4, rtol=0)
        for turn in batch.turns:
            assert turn.action_text == team.prompts.text(turn.action_ids)
            assert 1 <= len(turn.action_ids) <= 3 and math.isfinite(sum(turn.logprobs))
            ends = [i in team.prompts.end_ids for i in turn.action_ids]
            assert not any(ends[:-1])


class Dictated:
    """A session that writes what it is told to."""

    def __init__(self, actions):
        self.actions, self.prompts = iter(actions), []

    def generate(self, prompts):
        self.prompts += prompts
        ids = next(self.actions)
        return [(ids, [-1.0] * len(ids)) for _ in prompts]


def test_an_action_that_was_cut_off_gets_its_end_in_the_next_prompt(model_folder, monkeypatch):
    team = build_team(model_folder(), 1)
    end = team.tokenizer.convert_tokens_to_ids("<|im_end|>")
    eos = team.tokenizer.eos_token_id
    session = Dictated([[50], [51, end], [eos], [52, 53]])
    monkeypatch.setattr(team, "session", lambda *args, **options: session)
    env = Relay(agents=1, turns=4, cut=True)
    (episode,) = rollout([env], [0], [0], team_player(team))
    (trajectory,) = episode.trajectories
    assert [turn.action_ids for turn in trajectory.turns] == [[50], [51, end], [eos], [52, 53]]
    prompts = [*session.prompts, trajectory.final_prompt_ids]
    assert session.prompts == [turn.prompt_ids for turn in trajectory.turns]
    assert [prompt[0] == end for prompt in prompts[1:]] == [True, False, False, True]
    assert env.heard[1] == {"a_0": team.tokenizer.decode([51])}
    assert env.heard[2] == {"a_0": ""}


def test_lone_surrogates_of_an_observation_become_a_character():
    assert text_of({"text": "a\ud83db"}) == text_of("a\ud83db") == "a\ufffdb"
    assert text_of("\U0001f600") == "\U0001f600"
