"""coding_v0 as an environment: prompts, feedback, rewards, ends, splits, bad values."""

from __future__ import annotations

import random
import re
import zlib

import numpy as np
import pytest
from coding_answers import broken, solved

import colllm_bench
from colllm_bench.envs.coding import env as module
from colllm_bench.envs.coding import text
from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.envs.coding.generator import families
from colllm_bench.envs.coding.grading.reward import REWARDS
from colllm_bench.envs.coding.scripted import Expert, GreedyNovice, Novice, Random, play
from colllm_bench.envs.splits import SPLITS, split_of
from colllm_bench.errors import ConfigError


@pytest.mark.parametrize("agents", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_references_are_worth_everything_and_end_the_episode(agents, level):
    env = CodingEnv(agents=agents, level=level)
    env.reset(seed=agents)
    _, rewards, terminated, truncated, infos = env.step(solved(env))
    score = infos["coder_1"]["score"]
    assert set(score.values()) == {1.0} and set(rewards.values()) == {1.0}
    assert all(terminated.values()) and not any(truncated.values()) and env.agents == []
    assert infos["coder_1"]["success"] is True and env.step({}) == ({}, {}, {}, {}, {})


@pytest.mark.parametrize("reward", REWARDS)
def test_an_episode_returns_what_its_last_program_is_worth(reward):
    env = CodingEnv(agents=3, reward=reward, turns=3)
    env.reset(seed=4)
    _, first, *_ = env.step(broken(env, 0))
    assert first["coder_1"] == {"sparse": 0.0, "milestone": pytest.approx(1 / 3)}.get(
        reward, first["coder_1"])
    assert first["coder_1"] < 0.5
    _, second, *_ = env.step(broken(env, 2))
    _, third, *_, infos = env.step({**dict.fromkeys(env.agents, "keep"),
                                    "coder_3": solved(env)["coder_3"]})
    total = first["coder_1"] + second["coder_1"] + third["coder_1"]
    assert total == pytest.approx(1.0) and infos["coder_1"]["success"]


def test_prompts_say_what_to_write_with_an_example_and_who_writes_what():
    env = CodingEnv(agents=3)
    seen, infos = env.reset(seed=0)
    assert infos["coder_2"]["instructions"] == "coder 2 of 3"
    for function, observation in zip(env.program.functions, seen.values(), strict=True):
        head, example = observation["text"].split("\n")
        assert head == f"{function.name}({function.params[0]}): {function.phrase}"
        assert example.startswith(f"{function.name}(") and " == " in example
    env = CodingEnv(agents=3, style="full", turns=3)
    seen, infos = env.reset(seed=0)
    told, prompt = infos["coder_1"]["instructions"], seen["coder_1"]["text"]
    assert "coder 1 of a team of 3" in told and "You write `step1`" in told and "`keep`" in told
    assert "you write\n    def step1(" in prompt and "coder 3 writes\n    def solve(" in prompt
    assert "must call step1, step2" in prompt and prompt.count(" == ") == 3


@pytest.mark.parametrize("feedback", text.FEEDBACK)
@pytest.mark.parametrize("style", text.STYLES)
def test_feedback_tells_as_much_as_its_level_allows(feedback, style):
    env = CodingEnv(agents=3, feedback=feedback, style=style)
    env.reset(seed=1)
    seen, *_ = env.step(broken(env, 0))
    own, other = seen["coder_1"]["text"], seen["coder_2"]["text"]
    brief = style == "brief"
    counts = "program 0/6" if brief else "passes 0 of 6 hidden tests"
    failed = "gave None not" if brief else "returned None; expected"
    assert (counts in own) == (feedback != "none")
    assert (failed in own and "step1(" in own) == (feedback == "detailed")
    assert ("own 4/4" in other if brief else "4 of 4" in other) == (feedback == "detailed")
    if feedback == "none":
        assert own == ("again" if brief else "Write `step1` again, or answer `keep`.")


def test_hidden_tests_are_fresh_each_turn_and_none_of_the_examples(monkeypatch):
    drawn = []
    source = module.hidden_tests
    real = source.draw_cases
    monkeypatch.setattr(source, "draw_cases", lambda *a: drawn.append(real(*a)) or drawn[-1])
    env = CodingEnv(agents=3)
    env.reset(seed=2)
    shown = {repr(case.args) for own in env._examples for case in own}
    env.step(broken(env, 0))
    env.step(broken(env, 0))
    one, two = ([repr(case.args) for case in cases.tests] for cases in drawn)
    assert one != two and not shown & {*one, *two} and len(set(one)) == 6


def test_keep_leaves_a_function_and_is_nothing_in_the_first_turn():
    env = CodingEnv(agents=2)
    env.reset(seed=0)
    *_, infos = env.step({"coder_1": "keep", "coder_2": solved(env)["coder_2"]})
    assert infos["coder_1"]["invalid"] and not infos["coder_2"]["invalid"]
    *_, infos = env.step({"coder_1": solved(env)["coder_1"], "coder_2": " `Keep`. "})
    assert infos["coder_1"]["success"] and not infos["coder_2"]["invalid"]


def test_invalid_answers_say_so_and_never_pay():
    env = CodingEnv(agents=3)
    env.reset(seed=0)
    actions = solved(env) | {"coder_1": "I cannot do this."}
    seen, rewards, *_, infos = env.step(actions)
    assert infos["coder_1"]["invalid"] and infos["coder_1"]["notice"]
    assert seen["coder_1"]["text"].startswith("invalid: ")
    missing = rewards["coder_1"]
    env.reset(seed=0)
    actions["coder_1"] = "def step1(x):\n    return None"
    assert missing < env.step(actions)[1]["coder_1"] < 0.6


def test_missing_actions_are_invalid_and_unknown_agents_are_refused():
    env = CodingEnv(agents=2)
    with pytest.raises(RuntimeError, match="reset"):
        env.step({})
    env.reset(seed=0)
    assert env.step({"coder_2": "keep"})[4]["coder_1"]["invalid"]
    with pytest.raises(KeyError, match="coder_9"):
        env.step({"coder_9": "keep"})


def test_the_last_turn_terminates_and_only_max_cycles_truncates():
    env = CodingEnv(agents=2, turns=1)
    env.reset(seed=0)
    _, _, terminated, truncated, infos = env.step({})
    assert all(terminated.values()) and not any(truncated.values())
    assert infos["coder_1"]["success"] is False
    env = CodingEnv(agents=2, turns=4, max_cycles=2)
    env.reset(seed=0)
    env.step({})
    _, _, terminated, truncated, infos = env.step({})
    assert all(truncated.values()) and not any(terminated.values()) and env.agents == []


@pytest.mark.parametrize(
    "options",
    [
        {"agents": 1}, {"agents": 17}, {"agents": "3"}, {"agents": True}, {"turns": 0},
        {"turns": 5}, {"turns": 2.0}, {"level": 0}, {"level": "1"}, {"reward": "shaped"},
        {"feedback": "all"}, {"task": "games"}, {"data": 7}, {"style": "short"},
        {"split": "test"}, {"sandbox": "docker"}, {"render_mode": "gif"}, {"max_cycles": 0},
    ],
)  # fmt: skip
def test_bad_values_name_themselves_and_what_is_allowed(options):
    ((name, value),) = options.items()
    with pytest.raises(ConfigError, match="allowed: ") as error:
        CodingEnv(**options)
    assert f"{name}={value!r}" in str(error.value)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"task": "problems", "agents": 5}, "2 to 4"),
        ({"task": "published", "agents": 3}, "2: a helper"),
        ({"task": "published", "agents": 2, "reward": "sparse"}, "leave reward out"),
        ({"task": "problems", "data": "x.jsonl"}, "one of the two"),
        ({"data": "nowhere.jsonl"}, "does not exist"),
    ],
)
def test_options_that_do_not_go_together_say_why(options, word):
    with pytest.raises(ConfigError, match=re.escape(word)):
        CodingEnv(**options)


def test_equal_seeds_give_equal_episodes_and_other_seeds_other_programs():
    def track(env, seed):
        steps = [(seen, infos) for seen, infos, _ in play(env, [Novice() for _ in "abc"], seed)]
        return repr(steps) + env.state()

    one, two = CodingEnv(), CodingEnv()
    assert track(one, 5) == track(two, np.int64(5)) == track(one, 5) != track(two, 6)


@pytest.mark.parametrize("agents, level", [(2, 1), (3, 2), (4, 3), (3, 4), (16, 1)])
def test_splits_share_no_program_whoever_writes_which_helper(agents, level):
    found = {}
    for split in SPLITS:
        rng = random.Random(0)
        drawn = [families.draw(agents, level, rng, split) for _ in range(40)]
        found[split] = {families.canonical(program) for program in drawn}
        assert all(split_of(canonical) == split for canonical in found[split])
        assert len(found[split]) > (20 if split == "dev" else 30)  # the smallest split
    assert len(set.union(*found.values())) == sum(map(len, found.values()))


@pytest.mark.parametrize("split, checksum", [("eval", 3295328383), ("train", 363788543)])
def test_programs_split_by_form_are_those_of_the_version(split, checksum):
    programs = (families.draw(3, 3, random.Random(seed), split) for seed in range(20))
    drawn = [families.canonical(program) for program in programs]
    assert zlib.crc32(repr(drawn).encode()) == checksum


def test_scripted_teams_are_as_good_as_they_should_be():
    def wins(coder, agents, count):
        env = CodingEnv(agents=agents, split="eval")
        won = []
        for seed in range(count):
            for _ in play(env, [coder() for _ in range(agents)], seed):
                pass
            won.append(env.verdict.passes)
        return sum(won) / count

    assert wins(Expert, 3, 30) == 1.0
    assert wins(GreedyNovice, 2, 30) == 0.0 and wins(Random, 2, 30) == 0.0
    assert wins(GreedyNovice, 8, 10) == 0.0
    for agents in (2, 3, 8):  # the same chance, whatever the size: .13 to .19
        assert 0.03 <= wins(Novice, agents, 80) <= 0.35


def test_state_render_and_frame_show_code_and_verdicts(capsys):
    env = CodingEnv(agents=3, render_mode="ansi")
    with pytest.raises(RuntimeError, match="reset"):
        env.render()
    env.reset(seed=0)
    assert "not tested yet" in env.render() and env.frame()["parts"][0]["ok"] is None
    env.step(broken(env, 1))
    picture = env.render()
    assert "- coder 2" in picture and "+ coder 1" in picture and "gave None not" in picture
    assert "reference:" in env.state() and env.program.functions[0].phrase
    frame = env.frame()
    assert frame["kind"] == "parts" and [part["ok"] for part in frame["parts"]] == [
        True, False, True]
    env.render_mode = "human"
    assert env.render() is None and capsys.readouterr().out == picture + "\n"
    env.render_mode = "rgb_array"
    pixels = env.render()
    assert pixels.dtype == np.uint8 and pixels.shape[1:] == (760, 3)
    with pytest.warns(UserWarning, match="render_mode"):
        CodingEnv(agents=2).render()


def test_made_by_name_and_by_pettingzoo():
    import pettingzoo

    from colllm_bench.envs import register_pettingzoo

    assert colllm_bench.make("coding_v0", agents=4).num_agents == 0
    register_pettingzoo()
    env = pettingzoo.make("parallel", "colllm/coding-v0", agents=4, max_cycles=2)
    assert isinstance(env, CodingEnv) and env.max_cycles == 2
    aec = pettingzoo.make("aec", "colllm/coding-v0", agents=2)
    aec.reset(seed=0)
    assert aec.agent_selection == "coder_1"


def test_a_master_writes_functions_of_several_lines_after_their_numbers():
    from colllm_bench.envs.centralized_execution import MASTER, CentralizedEnv

    inner = CodingEnv(agents=3)
    env = CentralizedEnv(inner)
    env.reset(seed=0)
    code = list(solved(inner).values())
    written = "\n".join(f"{k + 1}: {part}" for k, part in enumerate(code))
    _, rewards, *_, infos = env.step({MASTER: written})
    assert rewards[MASTER] == 1.0 and infos[MASTER]["success"] is True
    assert infos[MASTER]["verdict"].count("program 6/6") == 3


def test_a_master_of_the_full_style_is_told_to_number_its_answers():
    from colllm_bench.envs.centralized_execution import MASTER, CentralizedEnv

    _, infos = CentralizedEnv(CodingEnv(agents=2, style="full")).reset(seed=0)
    assert "after its agent's number and a colon" in infos[MASTER]["instructions"]
