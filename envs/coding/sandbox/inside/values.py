"""Values as JSON that keeps their types: what may cross the wall of the jail, both ways.

``None``, ``bool``, ``int``, ``float``, ``str`` and ``list`` are themselves; everything else is an
object of one key, its tag: ``{"tuple": [...]}``, ``{"set": [...]}``, ``{"frozenset": [...]}``,
``{"dict": [[key, value], ...]}``, ``{"bytes": "00ff"}``, ``{"complex": [re, im]}``, and
``{"int": "-0x1f"}`` beyond 64 bits. Nothing here runs code of the value that it writes: types are
compared by identity and contents read with the methods of the built-in types, so that neither an
object with a clever ``__eq__`` nor a subclass that lies about itself can pass for data.

Read by both sides of the wall, so it imports the standard library only.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict
from itertools import accumulate
from typing import Any

MAX_DEPTH = 100
"""Containers within containers."""
MAX_ITEMS = 100_000
"""Values in one value, itself and all within."""
MAX_COLLISIONS = 32
"""Keys of one set or dictionary with the same hash: more would make the parent quadratic."""

SMALL = 1 << 63
DICTS = (dict, OrderedDict, defaultdict, Counter)
"""Types whose content is a dictionary's, and which cross as one."""


class UnfitValue(ValueError):
    """A value that is no data: a function, an object, a cycle, a type that has no tag."""


class LargeValue(UnfitValue):
    """A value of more than MAX_ITEMS items, or deeper than MAX_DEPTH."""


def encode(value: Any) -> Any:
    """``value`` as what ``json.dumps`` can write; tuples, sets and the like get their tag.

    Raises:
        UnfitValue: it has a part that is no data.
        LargeValue: it is too large or too deep (a cycle is infinitely deep).
    """
    left = MAX_ITEMS

    def walk(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise LargeValue(f"more than {MAX_ITEMS:,} items")
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is float:
            return value
        if kind is int:
            return value if -SMALL < value < SMALL else {"int": hex(value)}
        if depth == MAX_DEPTH:
            raise LargeValue(f"nested deeper than {MAX_DEPTH}")
        if kind is list:
            return [walk(item, depth + 1) for item in value]
        if kind is tuple or kind is set or kind is frozenset:
            return {kind.__name__: [walk(item, depth + 1) for item in value]}
        if any(kind is known for known in DICTS):
            items = [[walk(k, depth + 1), walk(v, depth + 1)] for k, v in dict.items(value)]
            return {"dict": items}
        if kind is bytes:
            return {"bytes": value.hex()}
        if kind is complex:
            return {"complex": [value.real, value.imag]}
        if issubclass(kind, tuple) and kind.__base__ is tuple and "_fields" in vars(kind):
            return {"tuple": [walk(item, depth + 1) for item in tuple.__iter__(value)]}  # named
        raise UnfitValue(f"a value of type {type.__getattribute__(kind, '__name__')} is no data")

    return walk(value, 0)


def decode(tagged: Any) -> Any:
    """The value that :func:`encode` wrote.

    Raises:
        UnfitValue: not of that form, or made to cost more time than its length warrants.
    """
    if isinstance(tagged, list):
        return [decode(item) for item in tagged]
    if not isinstance(tagged, dict):
        return tagged
    if len(tagged) != 1:
        raise UnfitValue("an object must have one key, its tag")
    (tag, content), = tagged.items()
    read = READERS.get(tag)
    if read is None:
        raise UnfitValue(f"unknown tag {tag[:40]!r}")
    try:
        return read(content)
    except (TypeError, ValueError, AttributeError) as error:
        raise UnfitValue(f"no {tag}: {str(error)[:200]}") from None


def _items(content: Any) -> list:
    if not isinstance(content, list):
        raise UnfitValue("its content must be a list")
    return [decode(item) for item in content]


def _keys(content: Any) -> list:
    keys = _items(content)
    hashes = Counter(map(hash, keys))
    if hashes and max(hashes.values()) > MAX_COLLISIONS:
        raise UnfitValue(f"more than {MAX_COLLISIONS} keys with one hash")
    return keys


def _dict(content: Any) -> dict:
    pairs = _items(content)
    if not all(type(pair) is list and len(pair) == 2 for pair in pairs):
        raise UnfitValue("its content must be pairs")
    return dict(zip(_keys([pair[0] for pair in content]), (pair[1] for pair in pairs)))


def _complex(content: Any) -> complex:
    real, imaginary = content
    return complex(float(real), float(imaginary))


READERS = {
    "tuple": lambda content: tuple(_items(content)),
    "set": lambda content: set(_keys(content)),
    "frozenset": lambda content: frozenset(_keys(content)),
    "dict": _dict,
    "bytes": bytes.fromhex,
    "complex": _complex,
    "int": lambda content: int(content, 16),
}


def dumps(value: Any) -> bytes:
    """:func:`encode` and ``json.dumps``, as ASCII."""
    return json.dumps(encode(value), separators=(",", ":")).encode("ascii")


def loads(data: bytes) -> Any:
    """The JSON of ``data``, tags still in it, whoever wrote it.

    Raises:
        UnfitValue: not JSON, deeper than MAX_DEPTH allows, or a number of absurd length.
    """
    if data.count(b"[") + data.count(b"{") > 3 * MAX_DEPTH and _depth(data) > 3 * MAX_DEPTH + 9:
        raise UnfitValue("nested too deep")
    try:
        return DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnfitValue(f"no JSON: {str(error)[:200]}") from None


def _int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("a number of more than 20 digits")
    return int(digits)


DECODER = json.JSONDecoder(parse_int=_int)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def _depth(data: bytes) -> int:
    """An upper bound on the nesting: closed brackets count, those within strings do not.

    Where a backslash stands outside of a string the pieces are not JSON's; reading ends there,
    so that nothing behind it can nest.
    """
    pieces = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    best = low = 0
    for here in accumulate(_STEPS.get(byte, 0) for byte in b"".join(pieces[::2])):
        low = min(low, here)
        best = max(best, here - low)
    return best
