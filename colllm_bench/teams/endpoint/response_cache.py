"""Every answer of an endpoint, on the disk before it is used: no request is paid for twice.

An evaluation that was killed plays its episodes again from the first turn. Environments are
deterministic, so the same requests come up, and their answers are in the cache; the first
request that is not goes to the endpoint.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from colllm_bench.runs import files
from colllm_bench.teams.endpoint.replies import replace_surrogates

COUNTED = ("prompt_tokens", "cached_tokens", "completion_tokens", "attempts")


class ResponseCache:
    """Answers by request, one JSON line each.

    Args:
        path: the file; None keeps them in memory only.
        price_in: US dollars per million prompt tokens, or None.
        price_out: US dollars per million completion tokens, or None.
    """

    def __init__(
        self,
        path: Path | None = None,
        price_in: float | None = None,
        price_out: float | None = None,
    ):
        self.path, self.price_in, self.price_out = path, price_in, price_out
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, Any]] = {}
        self.totals: Counter[str] = Counter()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.truncate_lines(path, lambda row: "digest" in row)  # a torn last line is cut off
            for row in files.read_lines(path):
                # Files of earlier versions may hold text that no encoder accepts.
                self._count({**row, "text": replace_surrogates(row.get("text") or "")})

    @staticmethod
    def digest(place: tuple[object, ...], body: dict[str, Any]) -> str:
        """Names a request: episode, agent and turn, and all that is sent."""
        text = json.dumps([place, body], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]

    def get(self, digest: str) -> dict[str, Any] | None:
        """The answer to the request that ``digest`` names, or None."""
        with self._lock:
            return self._rows.get(digest)

    def put(self, row: dict[str, Any]) -> None:
        """Write an answer; ``row["digest"]`` names its request."""
        with self._lock:
            if self.path is not None:
                files.append_lines(self.path, [row])
            self._count(row)

    def _count(self, row: dict[str, Any]) -> None:
        self._rows[row["digest"]] = row
        self.totals["requests"] += 1
        for key in COUNTED:
            self.totals[key] += row.get(key) or 0
        self.totals["cut_off"] += row.get("finish") == "length"
        if row.get("error"):
            self.totals[row["error"]] += 1

    @property
    def cost(self) -> float | None:
        """US dollars of all answers in the cache; None without prices."""
        if self.price_in is None and self.price_out is None:
            return None
        prompts = self.totals["prompt_tokens"] * (self.price_in or 0.0)
        completions = self.totals["completion_tokens"] * (self.price_out or 0.0)
        return (prompts + completions) / 1e6

    def summary(self) -> dict[str, Any]:
        """Counts for the record: requests, tokens, failures, and the cost."""
        return {
            "requests": self.totals["requests"],
            **{key: self.totals[key] for key in COUNTED},
            "context_errors": self.totals["context"],
            "refusals": self.totals["refusal"],
            "cut_off": self.totals["cut_off"],
            "price_in": self.price_in,
            "price_out": self.price_out,
            "cost": self.cost,
        }
