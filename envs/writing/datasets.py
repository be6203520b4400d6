"""Where the texts of ``summary`` and ``introduction`` come from: a data file, the hub, or made up.

Formats: ``trl-lib/tldr`` (``{"prompt": "SUBREDDIT: ... POST: ... TL;DR:", "completion": ...}``) and
``OpenMLRL/arXiv_abstract`` (``{"abstract_text": ...}``, further fields are ignored). A text
belongs to the split that its CRC-32 decides, whatever file it came from, so that no text is both
trained on and evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from typing import Any

from colllm_bench.envs import data_files
from colllm_bench.envs.splits import no_task, split_of
from colllm_bench.envs.writing.language import synthetic_sources as made_up
from colllm_bench.errors import ConfigError

FIELDS = {"summary": "prompt", "introduction": "abstract_text"}
HUB = {"summary": "trl-lib/tldr", "introduction": "OpenMLRL/arXiv_abstract"}
HUB_ITEMS = 5000
"""Texts taken from the hub, at most."""


class Texts:
    """Given texts of one split."""

    def __init__(self, texts: tuple[str, ...]):
        self.texts = texts

    def draw(self, rng: Random) -> str:
        return rng.choice(self.texts)


class MadeUp:
    """Endless texts of one split."""

    def __init__(self, task: str, split: str):
        self.task, self.split = task, split

    def draw(self, rng: Random) -> str:
        while True:
            text = made_up.draw(self.task, rng)
            if split_of(text) == self.split:
                return text


def sources(task: str, data: str | None, split: str) -> Texts | MadeUp | None:
    """Where a task's texts come from; None for stories, whose premises are drawn.

    Args:
        task: of :data:`tasks.TASKS`.
        data: a JSONL file, ``"hub"``, or None.
        split: of :data:`colllm_bench.envs.splits.SPLITS`.

    Raises:
        ConfigError: no such file, a line or field that is not as the format has it, no text of
            this split, or a file for a task that reads none.
    """
    if data is None:
        return None if task == "story" else MadeUp(task, split)
    if task == "story":
        raise ConfigError(
            f"data={data!r} with task='story', whose premises are drawn",
            allowed="task=summary or task=introduction", fix="leave data out",
        )
    if not isinstance(data, str):
        raise ConfigError(f"data={data!r}", allowed="a JSONL file, 'hub', or None")
    found = _from_hub(task) if data == "hub" else _from_file(task, data)
    own = tuple(text for text in found if split_of(text) == split)
    if not own:
        raise no_task(f"data={data!r}", len(found), split)
    return Texts(own)


def _from_file(task: str, data: str) -> tuple[str, ...]:
    path = Path(data)
    if not path.is_file():
        raise ConfigError(f"data file {data!r} does not exist", fix="check the path, or data=hub")
    stat = path.stat()
    return _read_file(task, str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _read_file(task: str, data: str, changed: int, size: int) -> tuple[str, ...]:
    return tuple(_texts(task, data, data_files.rows(Path(data))))


def _texts(task: str, data: str, items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    field = FIELDS[task]
    for place, item in items:
        text = item.get(field) if isinstance(item, dict) else None
        if not isinstance(text, str) or not any(map(str.isalnum, text)):
            raise ConfigError(
                f"data file {data!r}, {place}: no text under {field!r}",
                allowed=f"the format of {HUB[task]}",
                fix=f"task={'introduction' if task == 'summary' else 'summary'} reads the other",
            )
        yield text.strip()


@cache
def _from_hub(task: str) -> tuple[str, ...]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ConfigError(
            "data='hub' needs the package datasets", fix="pip install datasets, or give a file"
        ) from error
    try:
        rows = load_dataset(HUB[task], split=f"train[:{HUB_ITEMS}]")
    except Exception as error:  # whatever the network or the hub has to say
        raise ConfigError(
            f"data='hub': {HUB[task]} cannot be loaded: {error}", fix="give a JSONL file"
        ) from error
    items = ((f"row {number}", data_files.clean(row)) for number, row in enumerate(rows, start=1))
    return tuple(_texts(task, HUB[task], items))
