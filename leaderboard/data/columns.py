"""JSON lines as columns of numbers."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from colllm_bench.runs import files


def read_columns(path: Path, planned: int | None = None) -> dict[str, np.ndarray]:
    """JSON lines as columns: [rows] float64 for each key that holds numbers, NaN where a row
    has none. A missing file has no columns; a torn last line is left out; of more than
    ``planned`` lines one more is read, which shows that there are too many."""
    rows = list(islice(files.iterate_lines(path), None if planned is None else planned + 1))
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = {}
    for key in keys:
        try:
            # null becomes NaN, true and false 1 and 0.
            columns[key] = np.array([row.get(key) for row in rows], dtype=float)
        except (TypeError, ValueError):
            continue  # a text or a list: no number to report
    return columns
