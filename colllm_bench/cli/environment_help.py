"""An environment's own options for ``--help``, read from its source: nothing of it is imported."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from colllm_bench import registry
from colllm_bench.errors import ConfigError

OF_RUNS = frozenset({"self", "agents", "style", "split", "render_mode", "max_cycles"})
"""Parameters that are no ``--env-option``: settings of a run have these names."""
WIDTH = 76


@dataclass(frozen=True)
class EnvOption:
    """An option of an environment's constructor.

    Attributes:
        name: as in ``--env-option NAME=VALUE``.
        text: what the class's docstring says of it; "" where it says nothing.
        default: as written in the source; None where it has none, or None.
    """

    name: str
    text: str
    default: str | None


def environment_options(env: str) -> list[EnvOption]:
    """The options of the environment ``env``, in the order of its constructor.

    Args:
        env: as in ``--env``: a name, ``module:Class``, ``./file.py:Class``.

    Returns:
        None that are settings of a run anyway; an empty list where the name stands for nothing,
        or the source is no Python or has no such class: said where the environment is made.
    """
    try:
        entry = registry.env_spec(env).entry
        where, _, name = entry.rpartition(":")
        tree = ast.parse(_source_of(where).read_text(encoding="utf-8"))
    except (ConfigError, ImportError, OSError, SyntaxError, ValueError):
        return []
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            return _options_of(node)
    return []


def environment_help(env: str) -> str:
    """The options of an environment as a table of indented lines; "" where it has none."""
    options = environment_options(env)
    width = max((len(option.name) for option in options), default=0)
    lines = []
    for option in options:
        default = [] if option.default is None else [f"(default: {option.default})"]
        text = " ".join([*([option.text] if option.text else []), *default])
        lines += textwrap.wrap(
            text or "-", WIDTH, initial_indent=f"  {option.name:<{width}}  ",
            subsequent_indent=" " * (width + 4), break_on_hyphens=False,
        )
    return "\n".join(lines)


def _source_of(where: str) -> Path:
    if where.endswith(".py"):
        return Path(where)
    spec = importlib.util.find_spec(where)  # imports the packages above the module, not the module
    if spec is None or spec.origin is None:
        raise ImportError(where)
    return Path(spec.origin)


def _options_of(node: ast.ClassDef | ast.FunctionDef) -> list[EnvOption]:
    made = node
    if isinstance(node, ast.ClassDef):
        made = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
        if not isinstance(made, ast.FunctionDef):
            return []
    documented = _arguments(ast.get_docstring(node) or ast.get_docstring(made) or "")
    plain = made.args.posonlyargs + made.args.args
    defaults = [None] * (len(plain) - len(made.args.defaults)) + made.args.defaults
    pairs = [*zip(plain, defaults), *zip(made.args.kwonlyargs, made.args.kw_defaults)]
    return [
        EnvOption(parameter.arg, documented.get(parameter.arg, ""), _literal(default))
        for parameter, default in pairs if parameter.arg not in OF_RUNS
    ]


def _literal(default: ast.expr | None) -> str | None:
    """A default that can be read as it stands; a name of the module says nothing to a user."""
    try:
        value = None if default is None else ast.literal_eval(default)
    except ValueError:
        return None
    return None if value is None else str(value)


def _arguments(docstring: str) -> dict[str, str]:
    """The ``Args:`` of a docstring in Google's style, without the marks of its markup."""
    _, _, section = inspect.cleandoc(docstring).partition("\nArgs:\n")
    section = re.split(r"\n\S", section)[0]
    found = re.split(r"^ {4}(\w+)(?: \([^)]*\))?: ", section, flags=re.MULTILINE)[1:]
    return {name: _plain(text) for name, text in zip(found[::2], found[1::2])}


def _plain(text: str) -> str:
    text = re.sub(r"\s*\(:\w+:`[^`]*`\)", "", text)  # a reference to the source, in brackets
    text = re.sub(r":\w+:`[^`]*?(\w+)`", r"\1", text)
    text = re.sub(r"``(.*?)``", lambda match: match[1].replace('"', ""), text)
    return " ".join(text.split()).rstrip(".")
