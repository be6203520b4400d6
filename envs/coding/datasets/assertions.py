"""Published tests as data: each assertion becomes arguments, what is looked at, what is expected.

``assert set(f(1, x)) == set(b)`` says: call ``f(1, x)``, look at ``set(_result)``, it must ``==``
the value of ``set(b)``. :func:`recording` rewrites a test so that it notes this instead of calling
the function; running it once, in the jail, gives plain data. Loops, helpers and variables of the
test need no reading, as they simply run; nothing that is expected enters the jail with an answer.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterator

RESULT = "_result"
"""The name that stands for what the function returned in what is looked at."""
NOTE, NOTE_REFERENCE = "_colllm_note", "_colllm_note_reference"
_COMPARISONS = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "in": "contains", "not in": "lacks"}

RECORDER = '''
def record(source, test, limit):
    """Run a rewritten test, then the real one on the reference ("" to leave that out)."""
    import copy
    import random
    import types

    random.seed(0)
    cases = []

    class Full(Exception):
        pass

    def note(args, named, left, bound, how, expected, options):
        scope, modules, kept = bound
        for name in scope:
            value = scope[name]
            if isinstance(value, types.ModuleType):
                modules.append([name, value.__name__])
            elif not callable(value):
                kept[name] = value
        cases.append(copy.deepcopy(
            [list(args), named, left, kept, modules, how, expected, options]))
        if len(cases) >= limit:
            raise Full

    def note_reference(function, args, named):
        if function is None:
            raise TypeError("an assertion that can only be read with a reference solution")
        value = function(*copy.deepcopy(args), **copy.deepcopy(named))
        note(args, named, "", ({}, [], {}), "recorded", value, {})

    names = {"_colllm_note": note, "_colllm_note_reference": note_reference, "__name__": "test"}
    try:
        exec(compile(source, "<test>", "exec"), names)
    except Full:
        pass
    if test:
        random.seed(0)
        try:
            exec(compile(test, "<test>", "exec"), {"__name__": "test"})
        except BaseException as error:
            text = f"the reference solution does not pass it ({type(error).__name__}: {error})"
            raise RuntimeError(text) from None
    return cases
'''


def recording(
    tree: ast.Module, called: str, reference: str | None, absent: Collection[str] = ()
) -> ast.Module:
    """The test with its assertions about ``called`` rewritten, as source for :data:`RECORDER`.

    Args:
        tree: the test.
        called: the name by which it calls the function.
        reference: the name of the reference solution, where there is one: what cannot be read off
            an assertion is recorded from it.
        absent: functions that an answer's program has not, beside those of the test.
    """
    tree = _without_helpers(copy.deepcopy(tree))
    absent = {*absent, *(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))}
    return ast.fix_missing_locations(_Rewriter(called, reference, absent).visit(tree))


def _without_helpers(tree: ast.Module) -> ast.Module:
    """Without EvalPlus's own ``assertion`` and what only that needs, numpy among it."""
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "assertion" not in defined:
        return tree
    tree.body = [node for node in tree.body if not (
        isinstance(node, ast.FunctionDef) and node.name in ("assertion", "is_floats"))]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    tree.body = [node for node in tree.body if not (
        isinstance(node, ast.Import) and not used & {
            (alias.asname or alias.name).partition(".")[0] for alias in node.names})]
    return tree


class _Rewriter(ast.NodeTransformer):
    def __init__(self, called: str, reference: str | None, absent: set[str]):
        self.called, self.reference, self.absent = called, reference, absent
        self.assigned: dict[str, ast.Call] = {}

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """``x = f(1)`` stands for itself in the assertions below it."""
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Name):
            self.assigned.pop(target.id, None)
            if self._is_call(node.value):
                self.assigned[target.id] = node.value
                return node if self.reference else ast.Pass()
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """``x: int = f(1)``, likewise."""
        if node.value is None:
            return node
        return self.visit_Assign(
            ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Assert(self, node: ast.Assert) -> ast.AST | list[ast.stmt]:
        test = _Inliner(self.assigned).visit(node.test)
        found = [self._noted(part) for part in _parts(test) if self._calls(part)]
        return found if found else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """``assertion(f(1), expected, tolerance)``, EvalPlus's form."""
        value = node.value
        named = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
        if named and value.func.id == "assertion" and len(value.args) == 3:
            result = _Inliner(self.assigned).visit(value.args[0])
            if self._is_call(result):
                options = _dict(atol=value.args[2])
                return self._note(result, "", [], "evalplus", value.args[1], options)
        return node

    def _noted(self, test: ast.expr) -> ast.stmt:
        calls = self._calls(test)
        if len({ast.dump(call) for call in calls}) > 1:
            return self._recorded(calls[0])
        call = calls[0]
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            return self._compared(test, call)
        if isinstance(test, ast.Call) and _name_of(test.func) == "isclose" and len(test.args) == 2:
            return self._close(test, call)
        holds, inner = True, test
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            holds, inner = False, test.operand
        if _has_constants(inner, call):
            return self._recorded(call)
        truth = ast.Call(ast.Name("bool", ast.Load()), [inner], [])
        return self._looked(truth, call, "==", ast.Constant(holds))

    def _compared(self, test: ast.Compare, call: ast.Call) -> ast.stmt:
        left, right = test.left, test.comparators[0]
        how = _COMPARISONS[type(test.ops[0])]
        if self._calls(right):
            if self._calls(left):
                return self._recorded(call)
            left, right, how = right, left, _FLIPPED.get(how, how)
        if how in ("<", "<=") and _name_of(getattr(left, "func", None)) in ("abs", "fabs"):
            inside = left.args[0] if left.args else None
            if isinstance(inside, ast.BinOp) and isinstance(inside.op, ast.Sub):
                a, b = inside.left, inside.right
                if self._calls(b) and not self._calls(a):
                    a, b = b, a
                if not self._calls(b):
                    options = _dict(tolerance=right, strict=ast.Constant(how == "<"))
                    return self._looked(a, call, "near", b, options)
        return self._looked(left, call, how, right)

    def _close(self, test: ast.Call, call: ast.Call) -> ast.stmt:
        a, b = test.args
        if self._calls(b):
            a, b = b, a
        if self._calls(b):
            return self._recorded(call)
        options = _dict(**{word.arg: word.value for word in test.keywords if word.arg})
        return self._looked(a, call, "isclose", b, options)

    def _looked(
        self, left: ast.expr, call: ast.Call, how: str, expected: ast.expr,
        options: ast.expr | None = None,
    ) -> ast.stmt:
        """Note the call, and what is made of its result before it is compared."""
        if ast.dump(left) == ast.dump(call):
            return self._note(call, "", [], how, expected, options)
        replaced = _Replace(ast.dump(call)).visit(copy.deepcopy(left))
        named = [n for n in ast.walk(replaced) if isinstance(n, ast.Name)]
        own = {n.id for n in named if isinstance(n.ctx, ast.Store)}
        own |= {n.arg for n in ast.walk(replaced) if isinstance(n, ast.arg)}
        free = sorted({n.id for n in named} - own - {RESULT})
        if self.absent.intersection(free):  # a helper of the test or of the reference
            return self._recorded(call)
        return self._note(call, ast.unparse(replaced), free, how, expected, options)

    def _note(self, call, left, free, how, expected, options=None) -> ast.stmt:
        names = ", ".join(f"{name!r}: {name}" for name in free if not _is_builtin(name))
        bound = ast.parse(f"({{{names}}}, [], {{}})", mode="eval").body
        arguments = [*_arguments(call), ast.Constant(left), bound, ast.Constant(how), expected,
                     options or _dict()]
        return ast.Expr(ast.Call(ast.Name(NOTE, ast.Load()), arguments, []))

    def _recorded(self, call: ast.Call) -> ast.stmt:
        reference = (ast.Name(self.reference, ast.Load()) if self.reference
                     else ast.Constant(None))
        arguments = [reference, *_arguments(call)]
        return ast.Expr(ast.Call(ast.Name(NOTE_REFERENCE, ast.Load()), arguments, []))

    def _is_call(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (
            node.func.id == self.called)

    def _calls(self, node: ast.AST) -> list[ast.Call]:
        return [n for n in ast.walk(node) if self._is_call(n)]


def _parts(test: ast.expr) -> Iterator[ast.expr]:
    """What must hold, each: the terms of an ``and``, the pairs of ``a < b < c``."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for value in test.values:
            yield from _parts(value)
    elif isinstance(test, ast.Compare) and len(test.ops) > 1:
        sides = [test.left, *test.comparators]
        for k, op in enumerate(test.ops):
            yield ast.Compare(sides[k], [op], [sides[k + 1]])
    else:
        yield test


class _Inliner(ast.NodeTransformer):
    """Puts calls in the place of the variables that hold their results."""

    def __init__(self, assigned: dict[str, ast.Call]):
        self.assigned = assigned

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return copy.deepcopy(self.assigned.get(node.id, node))


class _Replace(ast.NodeTransformer):
    """Puts :data:`RESULT` in the place of a call."""

    def __init__(self, dumped: str):
        self.dumped = dumped

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if ast.dump(node) == self.dumped:
            return ast.Name(RESULT, ast.Load())
        return self.generic_visit(node)


def _arguments(call: ast.Call) -> list[ast.expr]:
    """A list of the positional arguments, and a dictionary of the others."""
    named = ast.Dict(
        [ast.Constant(word.arg) if word.arg else None for word in call.keywords],
        [word.value for word in call.keywords],
    )
    return [ast.List(list(call.args), ast.Load()), named]


def _dict(**values: ast.expr) -> ast.Dict:
    return ast.Dict([ast.Constant(name) for name in values], list(values.values()))


def _name_of(function: ast.AST | None) -> str:
    """``isclose`` of ``isclose(...)`` and of ``math.isclose(...)``."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _has_constants(node: ast.AST, call: ast.Call) -> bool:
    """Whether an expression holds a literal beside the call: perhaps what is expected, which must
    not enter the jail."""
    return any(isinstance(n, ast.Constant) for n in _outside(node, ast.dump(call)))


def _outside(node: ast.AST, dumped: str) -> Iterator[ast.AST]:
    if ast.dump(node) == dumped:
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside(child, dumped)


def _is_builtin(name: str) -> bool:
    import builtins

    return hasattr(builtins, name)
