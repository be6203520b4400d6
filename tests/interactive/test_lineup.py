"""Seats and their players, and one episode that is read in two styles."""

from __future__ import annotations

import pytest
from tiny_envs import Essay

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.envs.mixed_styles import MixedStyleEnv
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.interactive.lineup import assign_seats
from colllm_bench.rollout import rollout
from colllm_bench.setup.environments import make_mixed_env
from colllm_bench.teams.mixed import MixedTeam
from colllm_bench.teams.scripted import ScriptedTeam

ORDERS = ["march", "scout", "train", "strike", "hold", "send"]


# -- one episode in two styles


def essay(style, **options):
    return Essay(agents=2, style=style, **options)


def test_each_agent_reads_its_own_style_of_one_episode():
    env = MixedStyleEnv(
        {"full": essay("full"), "brief": essay("brief")}, {"writer_1": "full", "writer_2": "brief"}
    )
    seen, infos = env.reset(seed=3)
    assert seen["writer_1"]["text"].startswith("This is draft 1")
    assert seen["writer_2"]["text"] == "draft 1"
    assert infos["writer_1"]["instructions"] == "Write about rain."
    assert infos["writer_2"]["instructions"] == "write on rain"
    seen, rewards, ended, cut, infos = env.step({"writer_1": "a\nb\nc", "writer_2": ""})
    assert rewards == {"writer_1": 4 / 6, "writer_2": 4 / 6} and not any(ended.values())
    assert infos["writer_2"]["invalid"] and seen["writer_2"]["text"] == "draft 2"
    with pytest.raises(RunError, match="seed"):
        env.reset()


def test_twins_that_part_are_refused():
    env = MixedStyleEnv(
        {"full": essay("full"), "brief": essay("brief", drift=True)},
        {"writer_1": "full", "writer_2": "brief"},
    )
    env.reset(seed=0)
    with pytest.raises(RunError, match="full, brief"):
        env.step({"writer_1": "a", "writer_2": "b"})


@pytest.mark.parametrize("level, messages", [(1, False), (3, True)])
def test_the_game_is_the_same_in_one_style_and_in_two(level, messages):
    from colllm_bench.envs.strategy.scripted import Novice

    config = RunConfig(env_options={"level": level, "messages": messages})
    mixed = make_mixed_env(config, "eval", ["brief", "full", "brief"])
    plain = make_mixed_env(config, "eval", ["brief"] * 3)
    assert isinstance(mixed, MixedStyleEnv) and not isinstance(plain, MixedStyleEnv)

    class Deaf(Novice):
        def act(self, observation, info):  # says the same whatever it can read
            return f"{self.rng.choice(ORDERS)} | {self.rng.random()}"

    one, two = (rollout([env], [11], [0], ScriptedTeam(Deaf))[0] for env in (plain, mixed))
    assert one.rewards == two.rewards and one.score == two.score
    seen = [[t.observation for t in x.turns] for x in two.trajectories]
    assert seen[0] == [t.observation for t in one.trajectories[0].turns]
    assert all("days are left" in text or "day is left" in text for text in seen[1])


@pytest.mark.parametrize("name", sorted(registry.ENVS))
def test_every_environment_can_be_read_in_two_styles_at_once(name):
    class HumanTeam:
        def reset(self, episodes):
            (self.episode,) = episodes

        def act(self, turns):
            for turn in turns[0]:
                turn.action_text = "hold"

        def keep_running(self, running):
            pass

    config = RunConfig(env=name)
    env = make_mixed_env(config, "train", ["full", "brief", "brief"])
    expert = ScriptedTeam(registry.load(registry.env_spec(name).scripted, "policy"))
    (episode,) = rollout([env], [4], [0], MixedTeam([(HumanTeam(), [0]), (expert, [1, 2])]),
                         frames=1)
    env.close()
    full, brief = (episode.trajectories[i].turns[0].observation for i in (0, 1))
    assert isinstance(env, MixedStyleEnv) and full != brief
    assert len(episode.frames) == len(episode.rewards) + 1
    assert any(turn.action_text != "hold" for turn in episode.trajectories[1].turns)


def test_an_environment_that_knows_no_styles_has_no_twin():
    config = RunConfig(env="tiny_envs:Relay", agents=2)
    assert not isinstance(make_mixed_env(config, "train", ["full", "brief"]), MixedStyleEnv)


# -- seats


def test_seats_by_number_name_and_all():
    config = RunConfig()
    assert assign_seats(config, [], "1").person_seats == [0]
    assert assign_seats(config, [], "front_3, 1").person_seats == [0, 2]
    assert assign_seats(config, [], "all").describe() == "you play everybody"
    lineup = assign_seats(config, ["random", "2=expert"], "1")
    assert [str(team) for team in lineup.teams] == ["None", "scripted", "random"]
    assert lineup.describe() == "front_1: you; front_2: expert; front_3: random"
    assert lineup.labels == ["you", "expert", "random"]
    assert assign_seats(config, []).describe() == "everybody: expert"
    assert str(assign_seats(RunConfig(env="tiny_envs:Essay", agents=2), []).teams[0]) == "untrained"


@pytest.mark.parametrize(
    "teams, seats, says",
    [
        ([], "4", "1 to 3"), ([], "0", "no seat"), ([], "", "no seat"), ([], "1,1", "twice"),
        (["random", "expert"], "1", "both"), (["1=random"], "1", "taken twice"),
        (["2=random", "front_2=expert"], "1", "taken twice"), (["2="], "1", "names no team"),
        (["nobody"], "1", "no such folder"),
    ],
)
def test_seats_that_cannot_be(teams, seats, says):
    with pytest.raises(ConfigError, match=says):
        assign_seats(RunConfig(), teams, seats)
