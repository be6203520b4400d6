"""The same machine, the tolerance of others, and the pieces of verification."""

from __future__ import annotations

import json

import pytest
from submission_files import load, save, seal

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.submissions import strict_json, tolerance
from colllm_bench.leaderboard.submissions.differences import describe_differences
from colllm_bench.leaderboard.submissions.document import FileEntry, check_type
from colllm_bench.leaderboard.submissions.machine import other_machine
from colllm_bench.leaderboard.verify import verify

# -- other machines


def team(returns, invalid=0.0, turns=None):
    return {"returns": returns, "successes": [int(r > 0.5) for r in returns],
            "turns": turns or [9] * len(returns), "invalid": invalid}


def test_another_machine_is_told_apart(made, copy):
    assert other_machine(load(made)["runs"][0]["environment"],
                                  load(made)["runs"][1]["environment"]) == []
    data = load(copy)
    for run in data["runs"]:
        run["environment"]["cpu"] = "Abacus 9000"
        save(copy, run["environment"], f"seed{run['seed']}/environment.json")
    seal(copy, data)
    report = verify(copy, {})
    assert report["verdict"] == "the same numbers"
    assert "cpu Abacus 9000 there" in report["runs"][0]["machine"][0]


def machine(**changes):
    processor = {"vendor": "AuthenticAMD", "family": "26", "model": "2", "stepping": "1",
                 "flags": ["avx2", "avx512f"], "capability": "AVX512"}
    return {"python": "3.11", "packages": {"torch": "2"}, "machine": "x86_64", "cpu": "AMD EPYC",
            "processor": processor, "accelerators": [], "cores": 2, "variables": {}, **changes}


@pytest.mark.parametrize("part, value", [
    ("family", "25"), ("model", "1"), ("stepping", "0"), ("flags", ["avx2"]),
    ("capability", "AVX2"),
])
def test_two_processors_of_one_name_owe_each_other_no_bytes(part, value):
    other = machine(processor=machine()["processor"] | {part: value})
    assert other_machine(machine(), machine()) == []
    assert other_machine(other, machine())[0].startswith(f"processor {part} ")


def test_a_run_that_did_not_record_its_processor_is_of_another_machine():
    old = {key: value for key, value in machine().items() if key != "processor"}
    for record in (old, machine(processor=None), machine(processor={"family": "26"})):
        assert "the run did not record its processor" in other_machine(record, record)[-1]


def test_variables_and_cores_that_count():
    variables = {"ATEN_CPU_CAPABILITY": "avx2", "OMP_WAIT_POLICY": "PASSIVE"}
    assert other_machine(machine(variables=variables), machine()) == [
        "ATEN_CPU_CAPABILITY avx2 there, None here"]
    assert other_machine(machine(cores=4), machine()) == []
    assert other_machine(machine(cores=4), machine(), all_cores=True) == [
        "cores 4 there, 2 here"]


def test_portable_arithmetic_owes_the_same_bytes_on_any_processor():
    from colllm_bench.runs.arithmetic import PORTABLE

    here = machine(variables=dict(PORTABLE))
    there = machine(variables=dict(PORTABLE), cpu="Abacus 9000", processor=None)
    assert other_machine(there, here) == []
    assert other_machine(there, machine()) and other_machine(machine(), here)
    assert other_machine(there | {"python": "3.12"}, here) == ["python 3.12 there, 3.11 here"]


def test_the_tolerance_of_other_machines():
    claimed = [1.0] * 150 + [0.0] * 50
    few, many = [*claimed], [*claimed]
    few[0], few[199] = 0.0, 1.0
    for k in range(10):
        many[k] = 0.0

    def check(again, exact=False, half=False, name="trained", **results):
        return tolerance.disagreements({name: team(claimed)}, {name: team(again, **results)},
                                      exact=exact, half=half)

    assert check(claimed) == check(claimed, exact=True) == check(few) == []
    assert "2 of 200 episodes differ" in check(few, exact=True)[0]
    assert "2 of 200" in check(few, name="random")[0], "a scripted team rounds nothing"
    assert "at most 4 may" in check(many)[0]
    assert check(many, half=True) == []
    assert "standard errors" in check([r - 0.1 for r in claimed], half=True)[0]
    assert "standard errors" in check([0.0] * 30 + claimed[30:], half=True)[0]
    assert "invalid" in check(claimed, invalid=0.03)[0] and not check(claimed, invalid=0.01)
    assert "invalid" in check(claimed, invalid=0.01, exact=True)[0]
    assert "1 of 200" in check(claimed, exact=True, turns=[8] + [9] * 199)[0]
    extra = tolerance.disagreements({"trained": team(claimed), "best": team(claimed)},
                                   {"trained": team(claimed), "random": team(claimed)},
                                   exact=True, half=False)
    assert extra == ["no results of random, which plays here",
                     "results of best, which does not play"]


def test_half_precision():
    assert tolerance.half_precision("bfloat16", {}) and not tolerance.half_precision("auto", {})
    assert tolerance.half_precision("auto", {"accelerators": ["GPU"]})
    assert not tolerance.half_precision("float32", {"accelerators": ["GPU"]})


# -- pieces


def test_differences_in_words():
    one = {"a": {"b": [1, 2.0]}, "c": True, "d": 1}
    assert list(describe_differences(one, {"a": {"b": [1, 2]}, "c": True, "d": 1.0}, "")) == []
    other = {"a": {"b": [1, 3]}, "c": 1, "d": 1}
    assert list(describe_differences(one, other, "x: ", "y gives")) == [
        "x: a.b[1] says 3, y gives 2.0", "x: c says 1, y gives True",
    ]
    assert list(describe_differences([1], [1, 2], "x ")) == ["x the length of  says 2, expected 1"]
    assert len(list(describe_differences(list(range(9)), [0] * 9, ""))) == 4


def test_recomputed_intervals_may_round_differently_and_no_more():
    one = {"low": 0.123456789, "high": 2}
    near, far = {"low": 0.123456789 * (1 + 1e-7), "high": 2.0}, {"low": 0.1235, "high": 2}
    assert list(describe_differences(one, near, "", relative=1e-6)) == []
    assert len(list(describe_differences(one, near, ""))) == 1, "exact unless it is asked for"
    assert len(list(describe_differences(one, far, "", relative=1e-6))) == 1
    assert len(list(describe_differences({"low": True}, {"low": 1.0}, "", relative=1e-6))) == 1


@pytest.mark.parametrize(("value", "kind", "says"), [
    (True, int, "x is True, no int"), (1.5, int, "no int"), (True, float, "no number"),
    ("1", float, "no number"), (float("inf"), float, "no number"), (5, str, "no str"),
    ([1, "a"], list[int], "x[1] is 'a', no int"), ({"a": 1}, dict[str, str], "x['a'] is 1, no str"),
    ([], dict[str, int], "no object"), (2, str | None, "no str"),
    ({"bytes": 1}, FileEntry, "x lacks 'sha256'"), (7, FileEntry, "x is no object"),
    ({"bytes": 1, "sha256": "", "more": 2}, FileEntry, "x has 'more'"),
])
def test_json_of_another_type_is_named_by_its_path(value, kind, says):
    with pytest.raises(strict_json.InvalidSubmission) as refusal:
        check_type(value, kind, "x")
    assert says in str(refusal.value) and "\n" not in str(refusal.value)


def test_json_of_its_type_is_taken():
    for value, kind in ((1, int), (1, float), (0.5, float), (None, str | None), ([], list[int]),
                        ({"a": {"bytes": 1, "sha256": "f"}}, dict[str, FileEntry]), ({}, dict)):
        check_type(value, kind, "x")


def test_a_strangers_algorithm_is_played_by_a_built_in_of_the_same_execution():
    from colllm_bench.leaderboard.submissions.reading import playable
    from colllm_bench.setup.resolve import load_algorithm

    config = RunConfig(algo="./theirs.py:Mine")
    for execution in ("centralized", "decentralized"):
        algorithm = load_algorithm(playable(config, execution).algo)
        assert algorithm.centralized_execution == (execution == "centralized")


def test_the_digest_is_of_what_is_said_not_of_how():
    swapped = json.loads('{"b":[2], "a":1}')
    assert strict_json.digest_of({"a": 1, "b": [2]}) == strict_json.digest_of(swapped)
    assert strict_json.digest_of({"a": 1}) != strict_json.digest_of({"a": 2})


@pytest.mark.parametrize(
    "options", [{}, {"share": "all"}, {"tuning": "full"}, {"tuning": "full", "tied": True}],
    ids=["lora", "shared", "full", "full and tied"],
)
def test_a_saved_team_is_loaded_to_the_bit(model_folder, tmp_path, options):
    import torch
    from helpers import build_team, shake

    from colllm_bench.leaderboard.submissions.replay import _load

    options = dict(options)
    folder = model_folder("Llama", tie_word_embeddings=options.pop("tied", False))
    ours, theirs = (build_team(folder, agents=2, seed=seed, **options) for seed in (0, 1))
    shake(ours)
    ours.save(tmp_path)
    for path in tmp_path.rglob("*.json"):
        if path.name != "adapter_config.json":
            path.unlink()  # a submission has no more than this
    _load(theirs, tmp_path)
    one, other = ours.state_dict(), theirs.state_dict()
    assert one.keys() == other.keys()
    slots = len(set(ours.slot_of_agent))
    for name in one:
        own = slice(None) if ours.adapters is None else slice(0, slots)
        assert torch.equal(one[name][own], other[name][own]), name


def test_a_saved_team_of_another_model_is_refused(model_folder, tmp_path):
    from helpers import build_team

    from colllm_bench.leaderboard.submissions.replay import _load

    build_team(model_folder("Llama"), tuning="full").save(tmp_path)
    with pytest.raises(ConfigError, match="do not fit the model|cannot be loaded"):
        _load(build_team(model_folder("GPT2"), tuning="full"), tmp_path)
