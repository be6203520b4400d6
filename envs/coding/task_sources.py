"""Where programs come from: procedural families, or a list (hand-written, or from a file).

A source draws programs of a split that never meets the others, and says how they are shown, judged
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
from colllm_bench.envs.coding.generator.program import Case, Program
from colllm_bench.envs.coding.grading import comlrl_reward, reward
from colllm_bench.envs.coding.grading.grader import Grader, Verdict
from colllm_bench.envs.coding.grading.parsing import NOTHING, Piece
from colllm_bench.envs.splits import no_task, split_list
from colllm_bench.errors import ConfigError


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

    def grade(
        self, grader: Grader, program: Program, pieces: Sequence[Piece], cases: Cases
    ) -> Verdict:
        return grader.grade(program, pieces, cases)

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
    split_by: str = "form"

    def draw(self, rng: Random, split: str) -> Program:
        return families.draw(self.agents, self.level, rng, split, self.split_by)


@dataclass(frozen=True)
class Listed(Source):
    """A fixed list of programs. The names' CRC-32 decides the split.

    Attributes:
        programs: by split.
        left_out: (id, reason) of the problems of a file that cannot be used.
    """

    programs: dict[str, tuple[Program, ...]]
    left_out: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls, programs: Sequence[Program], where: str, left_out: Sequence[tuple[str, str]] = ()
    ) -> Listed:
        """Raises ConfigError for fewer than two programs: a split would be empty."""
        if len(programs) < 2:
            raise ConfigError(
                f"{where} has {len(programs)} usable problem{'s' * (len(programs) != 1)}",
                fix="give at least 2, so that training and evaluation share none",
            )
        order = sorted(programs, key=lambda p: (zlib.crc32(p.name.encode()), p.name))
        return cls(split_list(order), tuple(left_out))

    def draw(self, rng: Random, split: str) -> Program:
        if not self.programs[split]:
            raise no_task("the list of problems", sum(map(len, self.programs.values())), split)
        return rng.choice(self.programs[split])


@dataclass(frozen=True)
class Published(Listed):
    """Problems of two functions under the published reward."""

    ends_with_success = False

    def grade(
        self, grader: Grader, program: Program, pieces: Sequence[Piece], cases: Cases
    ) -> Verdict:
        # The helper is tested through the entry only, and nothing runs that does not parse.
        parses = all(piece.parses or piece == NOTHING for piece in pieces)
        own = pieces if parses else [NOTHING] * len(pieces)
        return Grader(grader.pool, comlrl_reward.LIMITS).grade(program, own, Cases(cases.tests))

    def score(
        self, pieces: Sequence[Piece], verdict: Verdict | None, program: Program
    ) -> dict[str, float]:
        return comlrl_reward.levels(*pieces, verdict)

    def worth(
        self, kind: str, pieces: Sequence[Piece], verdict: Verdict, score: dict[str, float]
    ) -> float:
        return score["total"]

    def carried(self, worth: float) -> float:
        return 0.0  # every turn is paid in full
