"""The beginning that rows share: a pure function of token ids.

All episodes of a role begin with the same instructions, and all episodes of a task with the same
observation: at a real model's prompts, most of a transcript. What rows have in common runs through
the model once (:mod:`colllm_bench.models.shared_prefix`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

SHORTEST = 32
"""Tokens of the shortest prefix that is shared."""
WORTH = 0.9
"""Prefixes are shared where at most this part of the tokens is left to compute."""


@dataclass(frozen=True)
class Prefixes:
    """Which rows begin alike. F prefixes, R rows.

    Attributes:
        ids: [F][P_f] token ids.
        owner: [F] whose adapter reads it.
        of_row: [R] the prefix of each row; -1: none.
        sizes: [R] tokens of each row, its prefix included.
    """

    ids: list[list[int]]
    owner: list[int]
    of_row: list[int]
    sizes: list[int]

    @property
    def lengths(self) -> list[int]:
        """[R] how many of each row's tokens its prefix holds."""
        return [len(self.ids[f]) if f >= 0 else 0 for f in self.of_row]

    @property
    def rests(self) -> list[int]:
        """[R] how many tokens of each row follow its prefix."""
        return [size - held for size, held in zip(self.sizes, self.lengths, strict=True)]

    def of(self, rows: Sequence[int]) -> Prefixes:
        """The same prefixes for some of the rows."""
        sizes = [self.sizes[row] for row in rows]
        return Prefixes(self.ids, self.owner, [self.of_row[row] for row in rows], sizes)


def find_prefixes(
    rows: Sequence[Sequence[int]], owners: Sequence[int], most: Sequence[int]
) -> Prefixes | None:
    """The prefixes that leave the fewest tokens to compute; None where sharing does not pay.

    All prefixes of a batch end at one depth of branching: behind a role's instructions, or
    behind the task that several episodes have in common, whichever saves more.

    Args:
        rows: [R] token ids.
        owners: [R] rows of different owners share nothing.
        most: [R] how many of a row's tokens its prefix may hold; less than its length.
    """
    order = sorted(range(len(rows)), key=lambda r: (owners[r], list(rows[r])))
    common = [0]  # [R] tokens that each row has in common with the one before it in ``order``
    for a, b in zip(order, order[1:]):
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(rows[a], rows[b]))
        same = sum(1 for _ in alike) if owners[a] == owners[b] else 0
        common.append(min(same, most[a], most[b]))
    total = sum(map(len, rows))
    best, least = None, WORTH * total
    for depth in sorted({n for n in common if n >= SHORTEST}):
        found = _cut(rows, owners, order, common, depth)
        # Prefixes are padded to one length.
        cost = sum(found.rests) + len(found.ids) * max(map(len, found.ids))
        if cost <= least:
            best, least = found, cost
    return best


def _cut(
    rows: Sequence[Sequence[int]], owners: Sequence[int], order: list[int], common: list[int],
    depth: int,
) -> Prefixes:
    """Runs of rows, in ``order``, that have at least ``depth`` tokens in common."""
    starts = [i for i, n in enumerate(common) if n < depth] + [len(order)]
    ids, owner, of_row = [], [], [-1] * len(rows)
    for start, stop in zip(starts, starts[1:]):
        if stop - start > 1:
            first = order[start]
            for r in order[start:stop]:
                of_row[r] = len(ids)
            ids.append(list(rows[first][: min(common[start + 1 : stop])]))
            owner.append(owners[first])
    return Prefixes(ids, owner, of_row, [len(row) for row in rows])
