"""The hand-written problems: more than sixty programs of three or four functions.

Each module here is plain Python. A line ``# ---- name`` opens a problem, whose functions follow,
helpers first, the entry last. Behind a function's signature a comment names the domain of each
argument (:data:`~colllm_bench.envs.coding.generator.program.DOMAINS`), from which tests are drawn;
its
docstring is the specification, and the doctests in it are tests written by hand, which verify the
reference. Hidden tests come from the reference; prompts show neither code nor doctests.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from colllm_bench.envs.coding.generator.program import DOMAINS, Function, Program
from colllm_bench.errors import ConfigError

MODULES = (
    "numbers", "quantities", "lists", "simulations", "texts", "formats", "records", "accounts",
)



@cache
def load() -> tuple[Program, ...]:
    """All problems, in the order of the files."""
    found: list[Program] = []
    for module in MODULES:
        path = Path(__file__).with_name(f"{module}.py")
        found += read(path.read_text(encoding="utf-8"), path.name)
    return tuple(found)


@cache
def programs(agents: int) -> tuple[Program, ...]:
    """The problems as tasks of ``agents`` functions. Where a problem has more, its first helpers
    are given: they stand in the prompt, written already.

    Raises:
        ConfigError: no problem has so many functions.
    """
    most = max(len(program.functions) for program in load())
    if agents > most:
        raise ConfigError(
            f"agents={agents} with task='problems'", allowed=f"2 to {most}",
            fix="task='families' has programs for 16",
        )
    cut = (shortened(program, agents) for program in load())
    return tuple(program for program in cut if program is not None)


def solution(name: str) -> str:
    """The reference of the function of that name; "" if no problem has one."""
    return _solutions().get(name, "")


@cache
def _solutions() -> dict[str, str]:
    return {f.name: f.code for program in load() for f in program.functions}


def shortened(program: Program, agents: int) -> Program | None:
    """The problem with its first helpers given, so that ``agents`` functions are left."""
    extra = len(program.functions) - agents
    if extra < 0:
        return None
    if extra == 0:
        return program
    given = "\n\n".join(function.code for function in program.functions[:extra])
    functions = tuple(
        Function(
            **{
                **{k: getattr(function, k) for k in function.__dataclass_fields__},
                "uses": tuple(place - extra for place in function.uses if place >= extra),
            }
        )
        for function in program.functions[extra:]
    )
    return Program(program.name, program.kind, functions, given=given)


def read(source: str, where: str) -> list[Program]:
    """The problems in a module's text.

    Raises:
        ConfigError: names the file, the line and what is wrong with it.
    """
    lines = source.split("\n")
    starts = [k for k, line in enumerate(lines) if line.startswith("# ---- ")]
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    found = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        name = lines[start].removeprefix("# ---- ").strip()
        own = [node for node in functions if start < node.lineno <= end]
        if len(own) < 2:
            raise ConfigError(f"{where}, line {start + 1}: problem {name!r} has fewer than two "
                              f"functions", fix="helpers first, the entry last")
        names = [node.name for node in own]
        made = tuple(_function(node, names, lines, where) for node in own)
        found.append(Program(name, "problems", made))
    return found


def _function(node: ast.FunctionDef, names: list[str], lines: list[str], where: str) -> Function:
    comment = next((line.partition("  # ")[2] for line in
                    lines[node.lineno - 1 : node.body[0].lineno] if ":  # " in line), "")
    domains = tuple(part.strip() for part in comment.split(","))
    params = tuple(arg.arg for arg in node.args.args)
    if len(domains) != len(params) or not set(domains) <= DOMAINS.keys():
        raise ConfigError(
            f"{where}, line {node.lineno}: {node.name} has domains {comment!r}",
            allowed=", ".join(DOMAINS),
            fix=f"end its signature with '  # ' and {len(params)} of them",
        )
    called = {n.func.id for n in ast.walk(node)
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    uses = tuple(k for k, name in enumerate(names) if name in called and name != node.name)
    doc = re.split(r"\n\s*\n\s*>>>", ast.get_docstring(node) or "")[0]
    types = tuple(ast.unparse(arg.annotation) for arg in node.args.args)
    code = "\n".join(lines[node.lineno - 1 : node.end_lineno])
    code = re.sub(r":  # [\w, ]+$", ":", code, count=1, flags=re.MULTILINE)
    return Function(
        name=node.name, params=params, doc=doc, code=_without_docstring(node, code),
        uses=uses, inputs=domains, types=(*types, ast.unparse(node.returns)),
    )


def _without_docstring(node: ast.FunctionDef, code: str) -> str:
    """The code as an agent would write it: the specification is known."""
    first = node.lineno
    text = node.body[0]
    lines = code.split("\n")
    return "\n".join(lines[: text.lineno - first] + lines[text.end_lineno - first + 1 :]) + "\n"
