"""Three splits of every environment's tasks, which never meet.

``train`` is what runs are trained on, ``eval`` what results are reported on, ``dev`` what settings
are chosen on: a learning rate that was chosen on the tasks of the report has seen them.

A task belongs to the split that a checksum of its canonical text decides, and a draw that belongs
to another split is drawn again: the splits are disjoint by construction, whatever the seeds.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

from colllm_bench.errors import ConfigError

SPLITS = ("train", "dev", "eval")

EVAL_SHARE = 5
"""One task (name, place, program, text of a file) in this many belongs to ``eval``."""
DEV_SHARE = 10
"""One in this many belongs to ``dev``. The rest are for training."""

Item = TypeVar("Item")


def split_of(canonical: str) -> str:
    """The split of a task, by the CRC-32 of its canonical text."""
    checksum = zlib.crc32(canonical.encode("utf-8"))
    if checksum % EVAL_SHARE == 0:
        return "eval"
    return "dev" if checksum % DEV_SHARE == 1 else "train"


def split_list(items: Sequence[Item]) -> dict[str, tuple[Item, ...]]:
    """A short list cut into the three splits, each of at least one item while there are enough:
    ``eval`` comes first, then ``train``; of two items none is left for ``dev``.

    Args:
        items: at least 2, in an order that depends on the items alone.
    """
    cut = max(1, round(len(items) / EVAL_SHARE))
    dev = max(1, round(len(items) / DEV_SHARE)) if len(items) > 2 else 0
    return {
        "eval": tuple(items[:cut]),
        "dev": tuple(items[cut : cut + dev]),
        "train": tuple(items[cut + dev :]),
    }


def no_task(what: str, count: int, split: str) -> ConfigError:
    """The complaint about a list or file of which ``split`` has no task."""
    return ConfigError(
        f"{what} has {count} tasks, none of them of the {split} split",
        fix=f"give more: one in {EVAL_SHARE} belongs to eval, one in {DEV_SHARE} to dev",
    )
