"""What an agent wrote, taken apart: text to the code of its function. Nothing is run here.

Everything below works on the syntax tree of text that nobody vouches for, in the parent process:
it reads, bounded in length, and evaluates nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from colllm_bench.envs import answers
from colllm_bench.envs.coding.grading.python_source import Budget, parse_tree, sources

MAX_ACTION = 16_384
"""Longest action in characters; what is beyond is cut off."""
KEEP = "keep"
"""The whole text of an action that leaves the agent's function as it is."""

_KEPT = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
    ast.Assign, ast.AnnAssign, ast.AugAssign,
)  # fmt: skip
"""What is taken over from an answer's top level. Calls, prints and tests that models like to add
below their function are not: they would run whenever the program is loaded."""


@dataclass(frozen=True)
class Piece:
    """One agent's part of the program.

    Attributes:
        code: imports, its function and what that needs, as source; "" if there is none.
        imports: the import statements, which stand first in the program.
        parses: whether the answer is Python.
        defined: whether it defines the agent's function, with the right parameters.
        error: why not, in a few words; "" if it does.
        wrapper: whether the function's body is no more than a teammate's call passed on.
        returns: whether the function has a return of a value.
        calls: teammates' functions that the function calls.
        ignores: those of them that it only calls as statements, their results lost.
        dropped: teammates' functions that the answer also defined, and that are not taken over.
    """

    code: str = ""
    imports: tuple[str, ...] = ()
    parses: bool = False
    defined: bool = False
    error: str = ""
    wrapper: bool = False
    returns: bool = False
    calls: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


NOTHING = Piece(error="nothing was written")


def parse(
    text: object, name: str, params: Sequence[str] | None, teammates: Collection[str] = ()
) -> Piece:
    """An agent's answer as its part of the program.

    Args:
        text: what the agent wrote; anything but text is nothing.
        name: the function that it was to write.
        params: its parameters (their number counts, not their names); None: any.
        teammates: names that belong to others.
    """
    if not isinstance(text, str) or not text.strip():
        return NOTHING
    whole = answers.whole_characters(text) == text
    written = answers.whole_characters(text[:MAX_ACTION]).replace("\r\n", "\n").replace("\r", "\n")
    written = written.replace("\x0c", " ")
    text = answers.clean(text)[:MAX_ACTION].replace("\x0c", " ")
    if not text.strip():
        return Piece(error="thoughts, and no answer")
    first, budget = None, Budget()
    tried: set[str] = set()
    for source in sources(text, written):
        if source in tried:
            continue
        if first is not None and budget.left < len(source):
            break
        tried.add(source)
        tree, source, error = parse_tree(source, budget)
        piece = (
            Piece(error=error) if tree is None
            else piece_of(tree, source, name, params, teammates)
        )
        if piece.defined:
            return piece
        first = first or piece
    if not whole:
        return replace(first, error="the text is not Unicode")
    if any(answers.from_json(part) for part in (text, *answers.tagged(text))):
        return replace(first, error="JSON, and no Python")
    return first


def piece_of(
    tree: ast.Module, source: str, name: str, params: Sequence[str] | None,
    teammates: Collection[str],
) -> Piece:
    """The part of the program that is in a syntax tree; its source is cut along the tree."""
    imports: list[str] = []
    kept: list[str] = []
    dropped: list[str] = []
    own = None
    lines = source.split("\n")
    for node in tree.body:
        if not isinstance(node, _KEPT):
            continue
        names = _bound(node)
        taken = [other for other in names if other in teammates]
        if taken:
            dropped += taken
            continue
        if name in names:
            own = node
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(_segment(node, source, lines))
        else:
            kept.append(_segment(node, source, lines))
    # The text around an answer's code is broken only if there is no function in it at all.
    parses = bool(tree.body)
    function = _function(own, tree, teammates)
    if function is None:
        error = f"{name} {_missing(own, tree, name)}"
        return Piece("", (), parses, False, error, dropped=tuple(dropped))
    if params is not None and not accepts(function.args, len(params)):
        error = f"{name} must take {len(params)} argument{'s' * (len(params) != 1)}"
        return Piece("", (), parses, False, error, dropped=tuple(dropped))
    calls, ignores = called(function, teammates)
    return Piece(
        code="\n\n".join(kept) + "\n",
        imports=tuple(imports),
        parses=parses,
        defined=True,
        wrapper=is_wrapper(function, teammates),
        returns=returns_value(function),
        calls=calls,
        ignores=ignores,
        dropped=tuple(dropped),
    )


def _function(
    own: ast.stmt | None, tree: ast.Module, teammates: Collection[str]
) -> ast.FunctionDef | None:
    """The definition that a statement gives a name: its own, a lambda's, another function's, or
    for what a call makes (``partial(...)``) one that takes anything."""
    if isinstance(own, ast.FunctionDef):
        return own
    if not isinstance(own, (ast.Assign, ast.AnnAssign)):
        return None
    if isinstance(own, ast.Assign) and not all(isinstance(t, ast.Name) for t in own.targets):
        return None
    value = own.value
    if isinstance(value, ast.Lambda):
        return _defined(value.args, value.body)
    if isinstance(value, ast.Name):
        other = [node for node in tree.body
                 if isinstance(node, ast.FunctionDef) and node.name == value.id]
        if other:
            return other[-1]
    if isinstance(value, (ast.Name, ast.Call, ast.Attribute)):
        anything = ast.arguments([], [], ast.arg("args"), [], [], None, [])
        if isinstance(value, ast.Name) and value.id in teammates:
            value = ast.Call(value, [], [])
        return _defined(anything, value)
    return None


def _defined(args: ast.arguments, body: ast.expr) -> ast.FunctionDef:
    return ast.FunctionDef("f", args, [ast.Return(body)], [])


def _missing(own: ast.stmt | None, tree: ast.Module, name: str) -> str:
    """Why a name is no function, in a few words."""
    if isinstance(own, ast.AsyncFunctionDef):
        return "is no function but a coroutine (async)"
    if own is not None:
        return "is no function"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(inner, ast.FunctionDef) and inner.name == name for inner in node.body
        ):
            return f"is a method of {node.name}, not a function"
    return "is not defined"


def _bound(node: ast.stmt) -> list[str]:
    """Names that a top-level statement gives a meaning to."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


def _segment(node: ast.stmt, source: str, lines: list[str]) -> str:
    decorators = getattr(node, "decorator_list", None)
    start = decorators[0].lineno if decorators else node.lineno
    if decorators or ";" not in lines[start - 1] + lines[node.end_lineno - 1]:
        return "\n".join(lines[start - 1 : node.end_lineno])
    return ast.get_source_segment(source, node) or ""  # it may share a line: slower


def accepts(args: ast.arguments, count: int) -> bool:
    """Whether a function with these parameters can be called with ``count`` positional ones."""
    positional = len(args.posonlyargs) + len(args.args)
    required = positional - len(args.defaults)
    keyword_only = sum(default is None for default in args.kw_defaults)
    return required <= count and (count <= positional or bool(args.vararg)) and not keyword_only


def _body(function: ast.FunctionDef) -> list[ast.stmt]:
    first = function.body[0]
    documented = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return function.body[1:] if documented else function.body


def is_wrapper(function: ast.FunctionDef, teammates: Collection[str]) -> bool:
    """Whether the body only returns, or only assigns and returns, one call of a teammate's
    function on plain names: nothing of the author's own."""
    body = _body(function)
    value = None
    if len(body) == 1 and isinstance(body[0], ast.Return):
        value = body[0].value
    elif len(body) == 2 and isinstance(body[0], ast.Assign) and isinstance(body[1], ast.Return):
        target, back = body[0].targets[0], body[1].value
        if isinstance(target, ast.Name) and isinstance(back, ast.Name) and target.id == back.id:
            value = body[0].value
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
        return False
    if value.func.id not in teammates:
        return False
    given = [*value.args, *(keyword.value for keyword in value.keywords)]
    given = [arg.value if isinstance(arg, ast.Starred) else arg for arg in given]
    return all(isinstance(arg, (ast.Name, ast.Constant)) for arg in given)


def called(
    function: ast.FunctionDef, teammates: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Teammates' functions that a function calls by name, and those of them that it only ever
    calls as a statement."""
    statements = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Expr)}
    every: dict[str, bool] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name in teammates:
                every[name] = every.get(name, True) and id(node) in statements
    return tuple(sorted(every)), tuple(sorted(name for name, lost in every.items() if lost))


def returns_value(function: ast.FunctionDef) -> bool:
    """Whether some ``return`` of its own (not of a function within) gives back a value."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return) and node.value is not None:
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)
    return False


def keeps(text: object) -> bool:
    """Whether an action says to leave the function as it is."""
    cleaned = answers.clean(text).strip()
    return any(len(word) <= 40 and answers.plain_word(word) == KEEP
               for word in (cleaned, *answers.unwrapped(cleaned)))


def assemble(given: str, pieces: Sequence[Piece], above: str = "") -> str:
    """The whole program: what is given, all imports, ``above``, then everybody's code."""
    imports: dict[str, None] = {}
    for piece in pieces:
        imports.update(dict.fromkeys(piece.imports))
    # Only these may not stand below other statements.
    future = [line for line in imports if line.startswith("from __future__")]
    others = [line for line in imports if not line.startswith("from __future__")]
    parts = ["\n".join(future), given, "\n".join(others), above, *(p.code for p in pieces)]
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
