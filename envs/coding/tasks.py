"""Where programs come from: procedural families, the hand-written problems, a file.

A source draws programs of a split that never meets the other, and says how they are shown, judged
and paid. Sources are plain data: an environment is pickled with its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from colllm_bench.envs.coding import text
from colllm_bench.envs.coding.generator import families
from colllm_bench.envs.coding.generator.hidden_tests import Cases
from colllm_bench.envs.coding.grading import reward
from colllm_bench.envs.coding.grading.grader import Judge, Verdict
from colllm_bench.envs.coding.grading.parsing import Piece
from colllm_bench.envs.coding.program import Case, Program
from colllm_bench.errors import ConfigError

TASKS = ("families", "problems", "published")
SPLITS = ("train", "eval")
AGENTS = range(2, 17)
LEVELS = {1: "easy", 2: "normal", 3: "hard"}
EVAL_SHARE = 5
"""One listed problem in this many belongs to the evaluation split, and at least one."""


class Source:
    """Draws programs; the methods below are what most sources have in common."""

    def draw(self, rng: Random, split: str) -> Program:
        raise NotImplementedError

    def instructions(
        self, program: Program, i: int, turns: int, style: str, feedback: str
    ) -> str:
        return text.instructions(program, i, turns, style, feedback)

    def task(
        self, program: Program, i: int, examples: Sequence[Sequence[Case]], style: str
    ) -> str:
        return text.task(program, i, examples, style)

    def judge(
        self, judge: Judge, program: Program, pieces: Sequence[Piece], cases: Cases
    ) -> Verdict:
        return judge.verdict(program, pieces, cases)

    def score(
        self, pieces: Sequence[Piece], verdict: Verdict | None, program: Program
    ) -> dict[str, float]:
        return reward.score(pieces, verdict, program.specified)

    def worth(
        self, kind: str, pieces: Sequence[Piece], verdict: Verdict, score: dict[str, float]
    ) -> float:
        """What the program as it stands is worth."""
        return reward.potential(kind, verdict, score)

    def carried(self, worth: float) -> float:
        """What of the last turn's worth is taken off this turn's."""
        return worth

    ends_with_success = True
    """Whether an episode is over as soon as the program is right."""


@dataclass(frozen=True)
class Families(Source):
    """Procedural programs without end, see :mod:`.generator.families`."""

    agents: int
    level: int

    def draw(self, rng: Random, split: str) -> Program:
        return families.draw(self.agents, self.level, rng, split)


@dataclass(frozen=True)
class Listed(Source):
    """A fixed list of programs. The names' CRC-32 decides the split.

    Attributes:
        programs: by split.
    """

    programs: dict[str, tuple[Program, ...]]

    @classmethod
    def of(cls, programs: Sequence[Program], where: str) -> Listed:
        """Raises ConfigError for fewer than two programs: a split would be empty."""
        if len(programs) < 2:
            raise ConfigError(
                f"{where} has {len(programs)} usable problem{'s' * (len(programs) != 1)}",
                fix="give at least 2, so that training and evaluation share none",
            )
        order = sorted(programs, key=lambda p: (zlib.crc32(p.name.encode()), p.name))
        cut = max(1, round(len(order) / EVAL_SHARE))
        return cls({"eval": tuple(order[:cut]), "train": tuple(order[cut:])})

    def draw(self, rng: Random, split: str) -> Program:
        return rng.choice(self.programs[split])


def source(task: str, data: str | None, agents: int, level: int) -> Source:
    """The source that an environment's options name.

    Raises:
        ConfigError: an option that is not allowed, or not with the others.
    """
    if type(level) is not int or level not in LEVELS:
        raise ConfigError(f"level={level!r}", allowed="1, 2 or 3", fix="level=1 is the easiest")
    if type(agents) is not int or agents not in AGENTS:
        raise ConfigError(f"agents={agents!r}", allowed="2 to 16", fix="agents=3 is the default")
    if task not in TASKS:
        raise ConfigError(f"task={task!r}", allowed=", ".join(map(repr, TASKS)))
    if data is not None and not isinstance(data, str):
        raise ConfigError(f"data={data!r}", allowed="a JSONL file or a data set's id on the hub")
    if task == "published":
        from colllm_bench.envs.coding.grading import comlrl_reward

        return comlrl_reward.source(data, agents)
    if data is not None:
        if task != "families":
            raise ConfigError(f"task={task!r} with data={data!r}", fix="give one of the two")
        from colllm_bench.envs.coding.datasets import humaneval_mbpp

        return Listed.of(humaneval_mbpp.programs(data, agents), data)
    if task == "problems":
        from colllm_bench.envs.coding.datasets import problems

        return Listed.of(problems.programs(agents), "the hand-written set")
    return Families(agents, level)


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
