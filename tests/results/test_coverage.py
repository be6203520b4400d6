"""The committed simulation of coverage: its promise, and one of its cells made again."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest
from paths import ROOT

FOLDER = ROOT / "results" / "statistics"
DATA = json.loads((FOLDER / "coverage.json").read_text())
NAMED = {"three in ten fail", "half the runs fail", "a fifth of the runs end at 0",
         "lognormal, sigma 1", "the first, taken for the second"}
"""What docs/statistics.md names as not covered."""


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import distributions

    # Under a name of its own: there is a package called coverage.
    spec = importlib.util.spec_from_file_location("coverage_script", FOLDER / "coverage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module, distributions
    for name in ("coverage_pairs", "distributions"):
        sys.modules.pop(name, None)


def test_the_tables_of_the_docs_are_those_of_the_counts(script):
    module, _ = script
    text = (FOLDER / "coverage.md").read_text()
    assert module.tables(DATA["rows"]) == text
    assert text.strip() in (ROOT / "docs" / "statistics.md").read_text()


def test_intervals_hold_where_it_is_not_named():
    """A difference as seen is named too, where one side fails unseen."""
    rows = [row for row in DATA["rows"] if row["distribution"] not in NAMED
            and not (row["what"] == "difference" and "one fails" in row["distribution"])]
    assert {row["runs"] for row in rows} == {3, 5, 10, 20} and len(rows) >= 4 * 50
    for row in rows:
        assert row["held"] / row["experiments"] >= 0.9, row
    failing = [row for row in rows if "fail" in row["distribution"] and row["what"] == "mean"]
    assert {row["distribution"] for row in failing} == {
        "a tenth of the runs fail", "a fifth of the runs fail"
    }


def test_no_interval_has_zero_width():
    for row in DATA["rows"]:
        if "narrowest" in row:
            assert row["narrowest"] > 0, row


@pytest.mark.parametrize("n", [3, 5])
def test_a_cell_made_again_gives_the_same_count(script, n):
    module, distributions = script
    name = "a tenth of the runs fail"
    datasets = int(DATA["command"].rpartition(" ")[2])
    (committed,) = [row for row in DATA["rows"] if row["what"] == "mean"
                    and row["distribution"] == name and row["runs"] == n]
    again = module.aggregate("mean", name, distributions.FAILING[name], n, datasets)
    assert again["held"] == committed["held"] and again["experiments"] == datasets
