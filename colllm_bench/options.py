"""Settings with their help, range and meaning in one place: the fields of RunConfig and of an
algorithm's ``Options``.

Flags, TOML files, checks, run names, resume and reports all read what :func:`option` says.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from colllm_bench.errors import ConfigError

AFFECTS = ("learning", "speed", "machine", "bookkeeping")
ROLES = ("evaluation", "play", "policy", "table", "seat", "trained", "clone")
KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false",
         dict: "a table of options"}


LARGEST = {int: 2**63 - 1, float: 3.4e38}
"""What torch can count to, and the largest number of its float32."""


@dataclass(frozen=True)
class Option:
    """What is known of a setting beside its type and default.

    Attributes:
        help: one line for ``--help``.
        group: the heading that it stands under there.
        low, high: the smallest and largest value allowed, or None.
        above: the value must be greater than this, or None.
        choices: the values allowed, or empty for any; ``cuda:1`` counts as ``cuda``.
        affects: ``learning`` (what is learned, or on what it is judged), ``speed`` (memory and
            pace; equal results up to rounding), ``machine`` (where it runs) or
            ``bookkeeping`` (what is recorded). Only ``learning`` enters a run's name, and only
            it must stay as it is when a run is resumed.
        in_path: the value is part of the run folder's path.
        time: whether it changes how long an iteration takes.
        roles: who else reads it: ``evaluation`` and ``play`` (flags of those commands),
            ``policy`` (belongs to a trained team wherever it plays), ``table`` (shared by all
            teams of an episode), ``seat`` (of a team that does not come from a run folder),
            ``trained`` (a run folder's team brings it along), ``clone`` (a flag of ``pretrain
            --model``).
        was: the setting's name in version 0.1 and before; still read.
    """

    help: str = ""
    group: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    affects: str = "learning"
    in_path: bool = False
    time: bool = True
    roles: frozenset[str] = frozenset()
    was: str | None = None

    def __post_init__(self) -> None:
        if self.affects not in AFFECTS:
            raise ValueError(f"affects={self.affects!r}; allowed: {', '.join(AFFECTS)}")
        if unknown := set(self.roles) - set(ROLES):
            raise ValueError(f"roles={sorted(unknown)}; allowed: {', '.join(ROLES)}")

    @property
    def allowed(self) -> str:
        """The range in words; empty if every value is allowed."""
        if self.choices:
            return ", ".join(self.choices)
        if self.above is not None:
            most = "" if self.high is None else f", up to {self.high:g}"
            return f"above {self.above:g}{most}"
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{self.low:g} or more"
        return f"{self.high:g} or less" if self.high is not None else ""

    def allows(self, value: Any) -> bool:
        """Whether ``value`` (not None) is in range; NaN, infinity, and what neither an int64
        nor a float32 holds never are."""
        if self.choices:
            return value in self.choices or str(value).partition(":")[0] in self.choices
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if type(value) in LARGEST and abs(value) > LARGEST[type(value)]:
            return False
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
        )


def option(default: Any = MISSING, help: str = "", *, factory: Any = MISSING, **about: Any) -> Any:
    """A dataclass field for a setting.

    Args:
        default: its default; None: somebody else fills it in (the algorithm, the model).
        help: one line for ``--help``.
        factory: makes the default instead, for dicts and lists.
        about: the other attributes of :class:`Option`: ``low=1``, ``choices=("a", "b")``, ...
    """
    about["roles"] = frozenset(about.get("roles", ()))
    about["choices"] = tuple(about.get("choices", ()))
    return dataclasses.field(
        default=default, default_factory=factory, metadata={"option": Option(help, **about)}
    )


def option_of(cls: type, name: str) -> Option:
    """What is known of a field of ``cls``: its own :func:`option`, or that of the base class
    whose default it replaces (``lr: float = 1e-3`` keeps help and range)."""
    for base in cls.__mro__:
        own = base.__dict__.get("__dataclass_fields__", {}).get(name)
        if own is not None and "option" in own.metadata:
            return own.metadata["option"]
    return Option()


def options_of(cls: type) -> dict[str, Option]:
    """Every field of a dataclass with what is known of it, in the order of the source."""
    return {field.name: option_of(cls, field.name) for field in dataclasses.fields(cls)}


def kinds_of(cls: type) -> dict[str, type]:
    """The plain type of every field: ``float | None`` is float, ``dict[str, Any]`` dict."""
    kinds = {}
    try:
        hints, known = typing.get_type_hints(cls), dataclasses.fields(cls)
    except (NameError, TypeError) as error:
        raise ConfigError(
            f"{getattr(cls, '__qualname__', cls)!r} is no class of options: {error}",
            fix="a dataclass whose fields have the types int, float, str or bool",
        ) from error
    for field in known:
        hint = hints[field.name]
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        plain = hint if typing.get_origin(hint) is dict or not inner else inner[0]
        kinds[field.name] = typing.get_origin(plain) or plain
    return kinds


def coerced(name: str, value: Any, kind: type) -> Any:
    """``value`` as a setting of this kind: whole numbers are numbers, everything else must fit.

    Raises:
        ConfigError: it is of another kind.
    """
    if value is None or kind not in KINDS:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{name} {value!r} is of the wrong kind", allowed=KINDS[kind])
    return value


def check_values(cls: type, values: Mapping[str, Any]) -> None:
    """Refuse values of another kind than the fields of ``cls``, or out of their range.

    Raises:
        ConfigError: names the setting, its value and what is allowed.
    """
    kinds, optional = kinds_of(cls), _optional(cls)
    for name, about in options_of(cls).items():
        value = values.get(name)
        if value is None:
            if name in values and name not in optional:
                raise ConfigError(f"{name} has no value", allowed=about.allowed or KINDS.get(
                    kinds[name], "a value"))
            continue
        if not about.allows(coerced(name, value, kinds[name])):
            shown = repr(value) if isinstance(value, str) else value
            what = "is unknown" if about.choices else "is out of range"
            allowed = [about.allowed] if about.allowed else []
            if type(value) in LARGEST and value > LARGEST[type(value)]:
                allowed.append(f"at most {LARGEST[type(value)]:g}")
            raise ConfigError(f"{name} {shown} {what}", allowed=", ".join(allowed))


def _optional(cls: type) -> set[str]:
    """Fields that may be None."""
    hints = typing.get_type_hints(cls)
    return {f.name for f in dataclasses.fields(cls) if type(None) in typing.get_args(
        hints[f.name])}
