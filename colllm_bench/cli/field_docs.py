"""The docstring under a dataclass's field, read from the source: help texts have one home."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class FieldDoc:
    """What the source says of a field: its docstring, and the ``# -- group`` it stands under."""

    text: str
    group: str


def field_docs(cls: type) -> dict[str, FieldDoc]:
    """The documented fields of a class, in the order of the source."""
    source = inspect.getsource(sys.modules[cls.__module__])
    groups = [
        (number, match[1].strip())
        for number, line in enumerate(source.splitlines(), 1)
        if (match := re.match(r"\s*# -- (.+)", line))
    ]
    definition = next(
        node for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    )
    docs = {}
    for field, below in pairwise(definition.body):
        documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and documented:
            above = [name for number, name in groups if definition.lineno < number < field.lineno]
            text = inspect.cleandoc(str(below.value.value))
            docs[field.target.id] = FieldDoc(text, above[-1] if above else "")
    return docs
