"""Estimates of memory against what was measured: the table is that of the data, and they agree."""

from __future__ import annotations

import json

import pytest
from paths import ROOT
from scripts import load_script

FOLDER = ROOT / "results" / "benchmarks" / "memory"
DATA = json.loads((FOLDER / "memory.json").read_text())["cases"]


def script():
    return load_script(FOLDER / "measure.py")


def test_every_case_is_there_and_the_table_is_that_of_the_data():
    measure = script()
    assert list(DATA) == [*measure.CASES, *measure.on_the_h100()]
    assert measure.table(DATA) in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("case", sorted(DATA))
def test_estimates_are_within_a_quarter(case):
    row = DATA[case]
    parts, phases = row["estimate"].values(), row["estimate_phases"].values()
    assert row["estimate_mib"] == pytest.approx(sum(parts) + max(phases), abs=1)
    assert row["measured_mib"] == max(row["peaks_mib"].values())
    assert row["estimate_mib"] == pytest.approx(row["measured_mib"], rel=0.25)
