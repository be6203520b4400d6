"""Chooses the recorded episodes of a page, and packs them.

A page that opens from a disk cannot fetch files beside it, so replays are part of it. Each is
packed (gzip, base64) and unpacked when it is opened; :data:`BUDGET` limits them all together.
Every group gets one before any gets a second, in the order of :data:`ORDER`.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

from colllm_bench.errors import RunError
from colllm_bench.runs.replays import REPLAYS, read_replay

BUDGET = 2_500_000
"""Bytes that all packed replays of a page may take."""
LARGEST = 4_000_000
"""Bytes of a replay's file above which it is not even read."""
ORDER = ("held-out", "untrained", "scripted", "iteration")
"""Kinds of replays, the most useful first. Of training, the last iteration comes first."""
NAME = re.compile(r"(held-out|untrained|scripted|random|iteration)-(\d+)\.json")


def choose(groups: list[dict[str, Any]], budget: int = BUDGET) -> dict[str, Any]:
    """The replays of a page.

    Args:
        groups: of the report's data; ``folders`` are the run folders, one a seed.
        budget: bytes.

    Returns:
        ``replays`` (each with ``id``, ``group``, ``seed``, ``team``, ``title``, ``success``,
        ``return``, ``turns``, ``gz``), ``recorded`` (how many files there are) and ``unread``
        (path and reason of each that could not be read).
    """
    queues = {group["id"]: candidates(group) for group in groups}
    recorded = sum(map(len, queues.values()))
    taken: list[tuple[int, int, dict[str, Any]]] = []
    unread: list[tuple[str, str]] = []
    place = {group["id"]: k for k, group in enumerate(groups)}
    for turn in range(max(map(len, queues.values()), default=0)):
        for group, queue in queues.items():
            if turn >= len(queue) or budget <= 0:
                continue
            seed, path = queue[turn]
            try:
                entry = _entry(group, seed, path)
            except RunError as error:
                unread.append((str(path), str(error)))
                continue
            if entry is not None and len(entry["gz"]) <= budget:
                budget -= len(entry["gz"])
                taken.append((place[group], turn, entry))
    taken.sort(key=lambda item: (item[0], item[2]["seed"], item[1]))
    return {"replays": [entry for _, _, entry in taken], "recorded": recorded, "unread": unread}


def candidates(group: dict[str, Any]) -> list[tuple[int, Path]]:
    """(seed, file) of a group's replays, the most useful first.

    One of each kind of the first seed comes first, then the first held-out episode of every
    other seed, then the rest.
    """
    ranked = []
    for k, (seed, folder) in enumerate(zip(group["seeds"], group["folders"])):
        paths = [(NAME.fullmatch(path.name), path) for path in Path(folder, REPLAYS).glob("*.json")]
        for kind in ORDER:
            numbered = [
                (int(match[2]), path) for match, path in paths if match and match[1] == kind
            ]
            numbered.sort(reverse=kind == "iteration")
            for nth, (_, path) in enumerate(numbered):
                ranked.append(((nth, k > 0, kind != "held-out", ORDER.index(kind), k), seed, path))
    ranked.sort(key=lambda item: item[0])
    return [(seed, path) for _, seed, path in ranked]


def _entry(group: str, seed: int, path: Path) -> dict[str, Any] | None:
    """A replay as the page has it; None for one that is too large."""
    try:
        if path.stat().st_size > LARGEST:
            return None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    replay = read_replay(path)
    text = json.dumps(replay, ensure_ascii=False).encode("utf-8", "replace")
    packed = gzip.compress(text, mtime=0)  # no time: equal replays are equal bytes
    kind, number = NAME.fullmatch(path.name).groups()
    return {
        "id": f"{group}/{seed}/{path.stem}",
        "group": group,
        "seed": seed,
        "team": str(replay.get("team") or kind),
        "title": f"iteration {int(number)}" if kind == "iteration" else f"held-out task {number}",
        "success": replay.get("success"),
        "return": replay.get("return"),
        "turns": len(replay["turns"]),
        "gz": base64.b64encode(packed).decode(),
    }
