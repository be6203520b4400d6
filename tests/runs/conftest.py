"""The folder of a run that was just started."""

from __future__ import annotations

import pytest
from run_lines import CONFIG

from colllm_bench.runs.folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    with RunFolder.create(tmp_path / "results/strategy/cc/a/seed0", CONFIG) as made:
        yield made
