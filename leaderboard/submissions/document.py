"""The fields of ``submission.json`` (schema 1) as dataclasses, and the check that JSON has them."""

from __future__ import annotations

import math
from dataclasses import dataclass, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from colllm_bench.leaderboard.submissions.strict_json import InvalidSubmission

SCHEMA = 1
DOCUMENT = "submission.json"


@dataclass
class Evaluation:
    """How the held-out tasks were played."""

    split: str
    """``eval``"""
    episodes: int
    batch: int
    temperature: float


@dataclass
class BaseModel:
    model: str
    files: dict[str, str]
    """SHA-256 of each file of the base model"""


@dataclass
class RunEntry:
    seed: int
    environment: dict[str, Any]
    """as ``environment.json``: versions, commit, hardware"""
    summary: dict[str, Any]
    """as ``summary.json``: every held-out episode's return"""


@dataclass
class TeamResults:
    """What a summary's ``held_out`` records of each team; a list has an entry an episode."""

    returns: list[float]
    successes: list[int] | None
    turns: list[int]
    invalid: float
    """share of invalid actions"""


@dataclass
class FileEntry:
    bytes: int
    sha256: str


@dataclass
class Document:
    schema: int
    name: str
    """of the submission, and of its folder"""
    by: str
    note: str
    """may be empty, as ``by``"""
    colllm_bench: str
    """the version that made the runs"""
    env: str
    """versioned id of the environment"""
    algo: str
    execution: str
    """``decentralized``, or ``centralized``: one controller writes all actions"""
    agents: int
    config: dict[str, Any]
    """the settings that all runs share: all but the seed"""
    config_digest: str
    """as in each ``config.json``"""
    seeds: list[int]
    """0 to n - 1, or those that were declared: none may be missing"""
    declared: bool
    evaluation: Evaluation
    base: BaseModel
    runs: list[RunEntry]
    """one a seed"""
    result: dict[str, Any]
    """over the runs: ``measure``, ``values``, ``mean``, ``low``, ``high``"""
    files: dict[str, FileEntry]
    """every file beside this one, by its path"""
    digest: str
    """SHA-256 of all the above"""


def check_type(value: Any, kind: Any, path: str) -> None:
    """Refuse JSON that is not of a type.

    Args:
        value: as JSON has it; 1 is a float too, true is no number.
        kind: a dataclass (an object with its fields and no others), ``list[T]``,
            ``dict[str, T]``, ``T | None`` or ``int``, ``float``, ``str``, ``bool``, ``Any``.
        path: where the value is, as ``runs[0].seed``; names it in the message.

    Raises:
        InvalidSubmission: with the first value that does not fit.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        _check_fields(value, kind, path)
    elif origin in (UnionType, Union):
        if value is not None or type(None) not in arguments:
            check_type(value, next(kind for kind in arguments if kind is not type(None)), path)
    elif origin is list:
        _require(isinstance(value, list), value, "list", path)
        for k, item in enumerate(value):
            check_type(item, arguments[0], f"{path}[{k}]")
    elif origin is dict:
        _require(isinstance(value, dict), value, "object", path)
        for key, item in value.items():
            check_type(item, arguments[1], f"{path}[{key!r:.60}]")
    elif kind is float:
        _require(type(value) in (int, float) and math.isfinite(value), value, "number", path)
    elif kind is not Any:
        _require(type(value) is kind, value, kind.__name__, path)


def _check_fields(value: Any, kind: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise InvalidSubmission(f"{path} is no object")
    hints = get_type_hints(kind)
    for key, hint in hints.items():
        if key not in value:
            raise InvalidSubmission(f"{path} lacks {key!r}")
        check_type(value[key], hint, key if path == DOCUMENT else f"{path}.{key}")
    unknown = sorted(value.keys() - hints.keys())
    if unknown:
        raise InvalidSubmission(
            f"{path} has {unknown[0][:60]!r}, which this version does not know"
        )


def _require(fits: bool, value: Any, kind: str, path: str) -> None:
    if not fits:
        raise InvalidSubmission(f"{path} is {value!r:.60}, no {kind}")
