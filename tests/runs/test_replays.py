"""Episodes as data: what a replay holds, what a spectator sees, and files that are none."""

from __future__ import annotations

import json
import random

import pytest
from tiny_envs import Relay

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.envs.centralized_execution import CentralizedEnv
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.scripted import Expert
from colllm_bench.errors import RunError
from colllm_bench.rollout import rollout
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.replays import (
    frame_of,
    frame_text,
    read_replay,
    replay_of,
    write_replay,
)
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.training.recording import keeps_checkpoint, keeps_replay
from colllm_bench.types import Episode, Trajectory, Turn


class Babbler:
    """Says orders, and now and then none."""

    def reset(self, agent, instructions, seed):
        self.rng = random.Random(seed)

    def act(self, observation, info):
        return self.rng.choice(["march", "train", "strike", "scout", "<script>\ud83d"])


def played(env=None, policy=Expert, frames=1, seed=3) -> Episode:
    env = env or StrategyEnv(agents=3)
    return rollout([env], [seed], [0], ScriptedTeam(policy), frames=frames)[0]


def test_a_replay_has_every_word_of_the_episode():
    episode = played(policy=Babbler)
    replay = replay_of(episode, env="strategy", team="trained", split="eval")
    assert (replay["env"], replay["team"], replay["split"]) == ("strategy", "trained", "eval")
    assert replay["seed"] == 3 and replay["success"] is False and replay["return"] == 0.0
    assert replay["score"] == episode.score
    assert len(replay["frames"]) == len(replay["turns"]) + 1 == 20
    for i, trajectory in enumerate(episode.trajectories):
        agent = replay["agents"][i]
        assert agent == {"name": f"front_{i + 1}", "instructions": trajectory.instructions}
        for turn, told in zip(trajectory.turns, replay["turns"], strict=True):
            own = told["agents"][i]
            assert (own["observation"], own["action"]) == (turn.observation, turn.action_text)
            assert own.get("invalid", False) == turn.info["invalid"]
            assert own.get("notice", "") == turn.info["notice"]
            assert told["reward"] == turn.reward and told["score"] == turn.info["score"]
    assert [turn["end"] for turn in replay["turns"]] == [None] * 18 + ["terminated"]
    assert any("invalid" in own for turn in replay["turns"] for own in turn["agents"])


def test_frames_are_the_map_as_it_was():
    class Watched(StrategyEnv):
        """Keeps what ``render`` gave at the same moments."""

        def reset(self, seed=None, options=None):
            result = super().reset(seed, options)
            self.pictures = [self.render()]
            return result

        def step(self, actions):
            result = super().step(actions)
            self.pictures.append(self.render())
            return result

    env = Watched(agents=3, level=3, render_mode="ansi")
    episode = played(env)
    assert [frame_text(frame) for frame in episode.frames] == env.pictures
    first, last = episode.frames[0], episode.frames[-1]
    assert first["kind"] == "siege" and first["day"] == 0 and last["day"] == len(episode.rewards)
    assert last["won"] == episode.success and last["over"] and not first["over"]
    for frame, nxt in zip(episode.frames, episode.frames[1:]):
        for i, front in enumerate(nxt["fronts"]):
            turn = episode.trajectories[i].turns[frame["day"]]
            assert front["order"] == turn.action_text
            assert f"supply={frame['supply']}" in turn.observation
            assert f"road={len(frame['fronts'][i]['road'])} " in turn.observation
    assert sum(front["reserve"] for front in first["fronts"]) == len(env.campaign.reserves)


def test_only_the_first_episodes_are_watched_and_nothing_else_changes():
    def play(frames):
        envs = [StrategyEnv(agents=2) for _ in range(3)]
        return rollout(envs, [1, 2, 3], [0, 1, 2], ScriptedTeam(Babbler), frames=frames)

    plain, watched = play(0), play(2)
    assert [bool(e.frames) for e in plain] == [False] * 3
    assert [bool(e.frames) for e in watched] == [True, True, False]
    assert [e.trajectories for e in plain] == [e.trajectories for e in watched]


def test_any_environment_can_be_replayed():
    replay = replay_of(played(Relay(agents=3, turns=4, leave={0: 1, 2: 3}), Babbler))
    assert replay["frames"] == []
    there = [[own is not None for own in turn["agents"]] for turn in replay["turns"]]
    assert there == [[True] * 3, [False, True, True], [False, True, True], [False, True, False]]
    assert [turn["end"] for turn in replay["turns"]] == [None, None, None, "terminated"]
    central = played(CentralizedEnv(StrategyEnv(agents=2)), Babbler)
    assert len(central.frames) == len(central.rewards) + 1
    assert played(CentralizedEnv(Relay()), Babbler).frames == []


def test_a_picture_in_text_is_a_frame():
    class Drawn(Relay):
        render_mode = "ansi"

        def render(self):
            return "(o_o)"

    frames = played(Drawn(turns=1), Babbler).frames
    assert frames == [{"kind": "text", "text": "(o_o)"}] * 2


def test_values_and_advantages_of_training_are_kept():
    turn = Turn("go", action_text="now", reward=1.0, terminated=True, info={}, value=0.123456,
                advantage=-0.5)
    replay = replay_of(Episode(1, 0, [Trajectory("a", 0, "", [turn])]), iteration=4)
    assert replay["turns"][0]["agents"] == [
        {"observation": "go", "action": "now", "value": 0.1235, "advantage": -0.5}
    ]
    assert replay["iteration"] == 4


def test_frames_of_parts_and_of_unknown_kinds_are_text_for_terminals():
    part = {"title": "f_1", "text": "return 1", "status": "failed", "notes": ["f_1(2): 1, not 4"]}
    frame = {"kind": "parts", "headline": "round 1", "parts": [part, {"title": "f_2", "text": ""}]}
    assert frame_text(frame) == (
        "round 1\n\nf_1 (failed)\nreturn 1\n  - f_1(2): 1, not 4\n\nf_2\n"
    )
    assert json.loads(frame_text({"kind": "mine", "x": 1})) == {"kind": "mine", "x": 1}


def test_long_runs_keep_few_replays_of_training():
    config = RunConfig(episodes=64 * 43, batch=64, checkpoint_every=5)
    kept = [i + 1 for i in range(config.iterations) if keeps_replay(config, i)]
    assert kept == [5, 10, 20, 40, 43]
    checkpoints = [i + 1 for i in range(config.iterations) if keeps_checkpoint(config, i)]
    assert checkpoints == [5, 10, 15, 20, 25, 30, 35, 40, 43]
    long = config.replace(episodes=64 * 5000)
    assert sum(keeps_replay(long, i) for i in range(5000)) == 11


def test_files_come_back_and_the_same_episode_is_the_same_bytes(tmp_path):
    with RunFolder.create(tmp_path / "run", RunConfig()) as folder:
        first = folder.write_replay("held-out-0", played(), team="trained", split="eval")
        again = folder.write_replay("held-out-1", played(), team="trained", split="eval")
    assert first == tmp_path / "run/replays/held-out-0.json"
    assert first.read_bytes() == again.read_bytes()
    about = {"env": "strategy", "algo": "cc", "team": "trained", "split": "eval"}
    assert read_replay(first) == replay_of(played(), **about)
    lone = played(policy=Babbler)
    write_replay(tmp_path / "new" / "folder.json", replay_of(lone))
    assert "<script>?" in (tmp_path / "new" / "folder.json").read_text(encoding="utf-8")


SHOWN = {"siege": {"fronts", "day", "days", "supply"}, "parts": {"parts"}, "text": {"text"},
         "writing": {"task", "draft", "drafts", "about", "score", "sections"}}
"""Kinds that the page draws, and what it reads of each."""


@pytest.mark.parametrize("name", sorted(registry.ENVS))
def test_what_the_environments_show_can_be_drawn(name):
    env = registry.make(name, agents=3)
    env.reset(seed=1)
    frame = frame_of(env)
    assert SHOWN[frame["kind"]] <= frame.keys()
    assert frame_text(frame).strip() and json.dumps(frame, allow_nan=False)
    for part in frame.get("parts", ()):
        assert isinstance(part["title"], str) and isinstance(part["text"], str)
    for section in frame.get("sections", ()):
        assert {"part", "text", "invalid", "own"} <= section.keys()


@pytest.mark.parametrize("change, word", [
    (lambda r: r.pop("format"), "no 'format'"),
    (lambda r: r.update(format=99), "format 99; this version reads format 1"),
    (lambda r: r.update(turns=[]), "agents, turns or frames are missing"),
    (lambda r: r["agents"][0].pop("name"), "an agent has no name"),
    (lambda r: r["turns"][1].update(agents=[None]), "turn 1 is not of 3 agents"),
    (lambda r: r["turns"][0]["agents"][2].update(action=7), "turn 0 lacks"),
    (lambda r: r["frames"].pop(), "frames for"),
    (lambda r: r["frames"].__setitem__(0, 3), "a frame is no dict"),
])
def test_what_is_no_replay_says_so(tmp_path, change, word):
    replay = replay_of(played())
    change(replay)
    files.write_json(tmp_path / "r.json", replay)
    with pytest.raises(RunError, match=word):
        read_replay(tmp_path / "r.json")


def test_a_torn_file_says_so(tmp_path):
    (tmp_path / "r.json").write_text('{"format": 1, "agents"')
    with pytest.raises(RunError, match="cannot read"):
        read_replay(tmp_path / "r.json")
