"""Assertions as data: ``assert f(1, [2]) == 3`` gives arguments and what they must give."""

from __future__ import annotations

import ast
import operator
from typing import Any

_OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
LARGEST = 10_000
"""Largest number or length in an expression that is worked out (``[0] * 10**9`` is not)."""


class Unreadable(ValueError):
    """An assertion of another form. ``read`` has what the others gave."""

    def __init__(self, reason: str, read: list[tuple[list, Any]]):
        super().__init__(reason)
        self.read = read


def read_asserts(tree: ast.AST, name: str) -> list[tuple[list, Any]]:
    """(arguments, expected) of all assertions about the function ``name``, in order. Assertions
    about other things (``assert True``) are passed over.

    ``assert f(1)`` and ``assert not f(1)`` say no more than true or false: they count as bool if
    no other assertion expects anything else of the function.

    Raises:
        Unreadable: some call it in a form that is not known, or in a loop.
    """
    found: list[tuple[list, Any]] = []
    unread = ""
    bare: list[tuple[list, Any]] = []
    plain = [node for body in _bodies(tree) for node in body if isinstance(node, ast.Assert)]
    for node in plain:
        if not _mentions(node.test, name):
            continue
        pair = _pair(node.test, name)
        if pair is None:
            unread = unread or ast.unparse(node)[:80]
        else:
            found.append(pair)
            if not isinstance(node.test, ast.Compare):
                bare.append(pair)
    if bare and any(type(expected) is not bool for _, expected in found):
        found = [pair for pair in found if all(pair is not other for other in bare)]
        unread = unread or "an assertion without a comparison"
    told = {id(node) for node in plain}
    if any(isinstance(node, ast.Assert) and id(node) not in told and _mentions(node, name)
           for node in ast.walk(tree)):
        unread = unread or "an assertion in a loop or a condition"
    if unread or not found:
        raise Unreadable(unread or f"no assertion calls {name}", found)
    return found


def _bodies(tree: ast.AST) -> list[list[ast.stmt]]:
    functions = [node.body for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [tree.body, *functions]


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


def _pair(test: ast.expr, name: str) -> tuple[list, Any] | None:
    """The call and the expected value of one assertion's condition."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        args = _arguments(test.operand, name)
        return None if args is None else (args, False)
    args = _arguments(test, name)
    if args is not None:
        return args, True
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
        return None
    left, right, op = test.left, test.comparators[0], test.ops[0]
    if isinstance(op, (ast.Eq, ast.Is)):
        if _mentions(right, name):
            left, right = right, left
        return _with(_arguments(left, name), right)
    if isinstance(op, (ast.Lt, ast.LtE)):  # abs(f(1) - 2.5) < 1e-6
        inside = left.args[0] if _named(left, "abs") and len(left.args) == 1 else None
        if isinstance(inside, ast.BinOp) and isinstance(inside.op, ast.Sub):
            pair = _with(_arguments(inside.left, name), inside.right)
            return pair and (pair[0], float(pair[1]))
    return None


def _with(args: list | None, expected: ast.expr) -> tuple[list, Any] | None:
    if args is None:
        return None
    try:
        return args, evaluate(expected)
    except (ValueError, TypeError, ArithmeticError):
        return None


def _named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _arguments(node: ast.AST, name: str) -> list | None:
    if not _named(node, name) or node.keywords:
        return None
    try:
        return [evaluate(arg) for arg in node.args]
    except (ValueError, TypeError, ArithmeticError):
        return None


def evaluate(node: ast.expr) -> Any:
    """A literal, or sums, products and the like of literals. Nothing is called.

    Raises:
        ValueError: anything else, or something large.
    """
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        value = _OPERATORS[type(node.op)](_small(evaluate(node.left)), _small(evaluate(node.right)))
        return _small(value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](evaluate(node.operand))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return kind(evaluate(item) for item in node.elts)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {evaluate(key): evaluate(value) for key, value in pairs}
    if _named(node, "set") and not node.args:
        return set()
    if isinstance(node, ast.Constant) and node.value is not Ellipsis:
        return node.value
    raise ValueError(f"no literal: {ast.unparse(node)[:80]}")


def _small(value: Any) -> Any:
    size = len(value) if isinstance(value, (str, list, tuple)) else abs(value)
    if size > LARGEST:
        raise ValueError("too large")
    return value
