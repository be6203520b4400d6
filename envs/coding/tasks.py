"""The tasks of ``coding``: from an environment's options to the source of its programs."""

from __future__ import annotations

from colllm_bench.envs.coding.generator import families
from colllm_bench.envs.coding.task_sources import Families, Listed, Published, Source
from colllm_bench.errors import ConfigError, check_choice

TASKS = ("families", "problems", "published")
AGENTS = range(2, 17)
LEVELS = {1: "easy", 2: "normal", 3: "hard", 4: "hardest"}


def source(
    task: str, data: str | None, agents: int, level: int, split_by: str = "form",
    sandbox: str = "auto",
) -> Source:
    """The source that an environment's options name.

    Args:
        sandbox: where the tests of ``data`` are run, once, to be read.

    Raises:
        ConfigError: an option that is not allowed, or not with the others.
    """
    if type(level) is not int or level not in LEVELS:
        raise ConfigError(f"level={level!r}", allowed="1 to 4", fix="level=1 is the easiest")
    if type(agents) is not int or agents not in AGENTS:
        raise ConfigError(f"agents={agents!r}", allowed="2 to 16", fix="agents=3 is the default")
    if task not in TASKS:
        raise ConfigError(f"task={task!r}", allowed=", ".join(map(repr, TASKS)))
    if data is not None and not isinstance(data, str):
        raise ConfigError(f"data={data!r}", allowed="a JSONL file or a data set's id on the hub")
    check_choice("split_by", split_by, families.SPLIT_BY)
    if split_by != "form" and (task != "families" or data is not None):
        raise ConfigError(
            f"split_by={split_by!r} with listed programs, whose names decide the split",
            fix="leave split_by out",
        )
    if task == "published" and agents != 2:
        raise ConfigError(
            f"agents={agents} with task='published'", allowed="2: a helper and the entry",
            fix="--agents 2",
        )
    if data is not None and task == "problems":
        raise ConfigError(f"task={task!r} with data={data!r}", fix="give one of the two")
    listed = Published if task == "published" else Listed
    if data is not None:
        from colllm_bench.envs.coding.datasets import humaneval_mbpp

        found = humaneval_mbpp.problems(data, agents, sandbox)
        return listed.of(found.programs, data, found.left_out)
    if task == "families":
        return Families(agents, level, split_by)
    from colllm_bench.envs.coding.datasets import problems

    return listed.of(problems.programs(agents), "the hand-written set")


def sample_actions(i: int, agents: int) -> tuple[str, ...]:
    """A few answers that agent ``i`` might give to a task of the families."""
    name = families.ENTRY if i == agents - 1 else f"step{i + 1}"
    inside = "step1(x)" if i == agents - 1 else "x"
    return (
        f"def {name}(x):\n    return {inside} + 3",
        f"def {name}(xs):\n    return [v for v in xs if v > 2]",
        f"```python\ndef {name}(s):\n    return s.upper()\n```",
        f"def {name}(d):\n    return {{n: v * 2 for n, v in d.items()}}",
        "keep",
    )
