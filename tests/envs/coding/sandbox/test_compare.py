"""Comparison is strict by type; values cross as JSON and come back what they were."""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict, namedtuple

import pytest

from colllm_bench.envs.coding.sandbox import UnfitValue, compare
from colllm_bench.envs.coding.sandbox.inside import values
from colllm_bench.envs.coding.sandbox.results import plain_text

NAN, INF = float("nan"), float("inf")
VALUES = [
    None, True, False, 0, 1, -1, 2**62, 2**64, -(2**5000), 0.0, 1.5, INF, -INF, "", "a", "\udc80",
    "\u2713", b"", b"\x00\xff", 1j, [], [1, [2]], (), (1, (2,)), set(), {1, "a"},
    frozenset({(1, 2)}),
    {}, {"a": 1}, {1: "a", (1, 2): [3], None: {}}, {"tuple": [1]}, {frozenset({1}): {2}},
]


# No ids from repr: sets print in the order of their hashes, and processes must collect the same.
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_cross_as_they_are(value):
    back = values.decode(values.loads(values.dumps(value)))
    assert type(back) is type(value) and back == value
    assert compare(back, value)


def test_every_value_equals_itself_only():
    for i, a in enumerate(VALUES):
        for j, b in enumerate(VALUES):
            assert compare(a, b) == (i == j), (a, b)


@pytest.mark.parametrize("value, expected", [
    (True, 1), (1, True), (1.0, 1), (1, 1.0), (0, False), ([1], (1,)), ((1,), [1]), ("1", 1),
    (NAN, NAN), ([NAN], [NAN]), (INF, -INF), (INF, 1e308), ({1}, frozenset({1})), (b"a", "a"),
    ({1: 2}, {True: 2}), ({1: 2}, {1.0: 2}), ({1}, {True}), ({(1,)}, {(True,)}),
    ({"a": 1}, {"a": True}), (NAN, 0.0), (1 + 1e-3j, 1 + 0j),
    ([1, 2], [1]), ([1], [1, 2]), ({1: 1}, {1: 1, 2: 2}), (None, False), ("", None), ({}, []),
    (1.001, 1.0), (-0.001, 0.0), ({NAN}, {NAN}), (range(3), [0, 1, 2]),
])
def test_what_is_not_equal(value, expected):
    assert not compare(value, expected)


@pytest.mark.parametrize("value, expected", [
    (0.1 + 0.2, 0.3), (1e20 * (1 + 1e-9), 1e20), (-0.0, 0.0), (1e-12, 0.0), ([0.1 + 0.2], [0.3]),
    ({"a": 1 / 3}, {"a": 0.3333333333}), (1j + 1e-12, 1j), ({2: 1, 1: 2}, {1: 2, 2: 1}),
])
def test_what_is_equal(value, expected):
    assert compare(value, expected)


def test_ints_for_floats_only_where_asked():
    assert compare(2, 2.0, int_as_float=True) and compare(2.0, 2, int_as_float=True)
    assert compare([2], [2.0], int_as_float=True)
    assert not compare(True, 1, int_as_float=True) and not compare(True, 1.0, int_as_float=True)
    assert not compare(2**2000, 1.0, int_as_float=True)
    assert not compare(2**60 + 1, 2**60, int_as_float=True)


def test_liars_equal_nothing():
    class Liar(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    for expected in VALUES:
        assert not compare(Liar(1), expected)
        assert not compare([Liar(1)], [expected])
    assert not compare({Liar(1)}, {1}) and not compare({Liar(1): 1}, {1: 1})


def test_expected_values_that_are_no_data_are_errors():
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueError, match="deeper than 100"):
        compare(deep, deep)
    with pytest.raises(ValueError, match="no data"):
        compare(1, object())


def test_dictionaries_and_tuples_of_the_library_cross_as_such():
    point = namedtuple("point", "x y")
    group = defaultdict(list, {1: [2]})
    for value, plain in ((Counter("aab"), {"a": 2, "b": 1}), (OrderedDict(a=1), {"a": 1}),
                         (group, {1: [2]}), (point(1, 2), (1, 2))):
        back = values.decode(values.encode(value))
        assert type(back) is type(plain) and back == plain


@pytest.mark.parametrize("value", [
    object(), int, len, lambda: 1, range(3), iter([]), (i for i in ()), bytearray(b"a"),
    type("I", (int,), {})(1), type("L", (list,), {})(), type("T", (tuple,), {})(), {1}.__len__,
    [object()], {"a": {"b": object()}}, {}.keys(), NotImplemented, ..., ValueError("x"),
])
def test_what_is_no_data_does_not_cross(value):
    with pytest.raises(UnfitValue, match="is no data"):
        values.encode(value)


def test_size_and_depth_are_limited():
    cycle = []
    cycle.append(cycle)
    doubling = [1]
    for _ in range(60):
        doubling = [doubling, doubling]
    for value in (cycle, doubling, [0] * (values.MAX_ITEMS + 1)):
        with pytest.raises(values.LargeValue):
            values.encode(value)


@pytest.mark.parametrize("text", ["[" * 5000, "{[" * 999, '"[' * 999, '\\"[' * 999, "]" * 5000])
def test_brackets_within_texts_nest_nothing(text):
    for value in (text, [text, {"a": (text,)}], text + "\\"):
        assert values.decode(values.loads(values.dumps(value))) == value


@pytest.mark.parametrize("tagged", [
    {}, {"a": 1}, {"tuple": [1], "set": []}, {"tuple": 1}, {"set": [[1]]}, {"set": [{"set": []}]},
    {"dict": [1]}, {"dict": [[1]]}, {"dict": [[[], 1]]}, {"dict": {}}, {"bytes": "0"}, {"bytes": 1},
    {"complex": [1]}, {"complex": "ab"}, {"int": "x"}, {"int": 5}, {"int": None}, {"list": []},
    {"set": [{"int": hex(i * (2**61 - 1))} for i in range(1, 100)]},
    {"dict": [[{"int": hex(i * (2**61 - 1))}, 1] for i in range(1, 100)]},
])
def test_forged_tags_are_refused(tagged):
    with pytest.raises(UnfitValue):
        values.decode(json.loads(json.dumps(tagged)))


@pytest.mark.parametrize("data", [
    b"", b"[", b"nul", b"\xff", b"1" * 5000, b"[" * 10**6, b"[" * 10**5 + b"]" * 10**5, b"{" * 999,
    b'{"a":' * 1000 + b"1" + b"}" * 1000, b'["a\\\\",' * 1000 + b"1" + b"]" * 1000,
    b'["a\\"[",' * 1000 + b"1" + b"]" * 1000, b'\\"' + b"[" * 10**5, b"[" * 10**5 + b'\\"',
])
def test_forged_json_is_refused(data):
    with pytest.raises(UnfitValue):
        values.loads(data)


def test_long_flat_json_is_read():
    assert len(values.loads(b"[" + b"[1]," * 50_000 + b"[]]")) == 50_001
    assert math.isnan(values.loads(b"NaN"))


def test_text_for_people_is_harmless():
    assert plain_text("a\tb\nc", 10) == "a\tb\nc"
    assert plain_text("\x1b[2J\x07\udc80\x9b", 99) == "\ufffd[2J\ufffd?\ufffd"
    assert plain_text("x" * 50, 10) == "x" * 9 + "\u2026"
    assert plain_text(7, 10) == ""
