"""The split by what programs do: no held-out program does what one of training does."""

from __future__ import annotations

import copy
from random import Random

import pytest

from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.envs.coding.generator import families
from colllm_bench.envs.coding.generator.behaviour import behaviour, fixed_inputs
from colllm_bench.envs.coding.generator.operations import CONSTANTS
from colllm_bench.envs.coding.generator.program import DOMAINS, Program, namespace
from colllm_bench.errors import ConfigError

DRAWN = Random("other inputs")
OTHERS = {
    family.domain: [(DOMAINS[family.domain](DRAWN, tuple(CONSTANTS)),) for _ in range(60)]
    for family in families.FAMILIES
}
"""60 inputs of each kind, none of them those of the split."""


def results(program: Program) -> str:
    """What a program gives on the other inputs."""
    solve = namespace(program.reference())["solve"]
    found = [solve(*copy.deepcopy(args)) for args in OTHERS[program.entry.inputs[0]]]
    return repr([sorted(v.items()) if isinstance(v, dict) else v for v in found])


def drawn(count: int, split: str, split_by: str, agents: int = 3, level: int = 1) -> list[Program]:
    rng = Random(split)
    return [families.draw(agents, level, rng, split, split_by) for _ in range(count)]


def test_held_out_programs_do_what_no_training_program_does():
    """By form about a sixth of them do; the inputs here are not those of the split."""
    known = {results(program) for program in drawn(2000, "train", "behaviour")}
    held_out = [results(program) for program in drawn(200, "eval", "behaviour")]
    assert not known & set(held_out) and len(set(held_out)) > 150


def test_a_split_by_form_lets_some_through():
    known = {results(program) for program in drawn(1000, "train", "form")}
    assert sum(results(program) in known for program in drawn(100, "eval", "form")) > 3


@pytest.mark.parametrize("agents, level", [(2, 1), (4, 3), (8, 3), (16, 1)])
def test_every_behaviour_lies_in_one_split(agents, level):
    keys = {}
    for split in ("train", "eval"):
        programs = drawn(20, split, "behaviour", agents, level)
        keys[split] = {behaviour(program) for program in programs}
        assert all(families.split_of(key) == split for key in keys[split])
    assert not keys["train"] & keys["eval"]


def chain(*phrases: str) -> Program:
    helpers = [families.make(f"step{k + 1}", phrase) for k, phrase in enumerate(phrases)]
    names = " of ".join(helper.name for helper in helpers)
    places = tuple(range(len(helpers)))
    entry = families.make("solve", f"{names} of {helpers[0].params[0]}, plus 2", places)
    return Program("chain", "families", (*helpers, entry))


def test_other_forms_of_the_same_function_have_the_same_key():
    one, other = chain("x plus 2", "x plus 3"), chain("x plus 3", "x plus 2")
    assert families.canonical(one) != families.canonical(other)
    assert behaviour(one) == behaviour(other) == behaviour(chain("x plus 9", "x minus 4"))
    assert behaviour(one) != behaviour(chain("x plus 2", "x plus 4"))


def test_the_inputs_never_change():
    assert fixed_inputs(("int",)) is fixed_inputs(("int",))
    assert fixed_inputs(("int",))[:4] == INTS and len(fixed_inputs(("counts",))) == 16


INTS = ((0,), (24,), (5,), (7,))


def test_the_environment_takes_it_for_families_only():
    env = CodingEnv(split_by="behaviour", split="eval")
    env.reset(seed=0)
    assert families.split_of(behaviour(env.program)) == "eval"
    with pytest.raises(ConfigError, match="split_by='deeds'; allowed: 'form', 'behaviour'"):
        CodingEnv(split_by="deeds")
    with pytest.raises(ConfigError, match="split_by='behaviour' with listed programs"):
        CodingEnv(task="problems", split_by="behaviour")
