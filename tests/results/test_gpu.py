"""GPU measurements (results/gpu): they run to their end on a CPU, and go on after failures."""

from __future__ import annotations

import importlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

STEPS = ("machine", "parity", "iteration", "strategy", "smollm2", "sizes", "compiled")


@pytest.fixture
def scripts(monkeypatch):
    """Imports a script of results/gpu by name."""
    for folder in ("results/benchmarks", "results/gpu"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:  # their names are common ones
        if str(ROOT / "results") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def run(out: Path, *options: str) -> str:
    environment = os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    command = ["bash", str(ROOT / "results/gpu/run.sh"), str(out), "--tiny", *options]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=2400, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_all_of_it_runs_to_its_end_and_is_not_run_again(tmp_path):
    first = run(tmp_path)
    reports = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in STEPS}
    assert {name: report["errors"] for name, report in reports.items()} == dict.fromkeys(STEPS, [])
    assert all(report["complete"] for report in reports.values())
    assert reports["parity"]["passed"]
    assert reports["iteration"]["medians"]["ours_samples_per_s"] > 0
    assert reports["strategy"]["bfloat16"]["iterations"] == 2
    play = reports["compiled"]["play"]
    assert play["same_first_actions"] == play["rows"] and reports["compiled"]["graphs"] >= 1
    assert play["largest_difference_of_logprobs"] < 1e-4
    for algo in ("mc", "cc", "dc"):
        assert [row["episodes"] for row in reports["smollm2"][algo]["rows"]] == [4, 8]
        assert f"| {algo} | 8 |" in first
    assert "Toy sizes" in first and "Not all of it" not in first
    again = run(tmp_path)
    assert again.count("there already") == len(STEPS)
    assert (tmp_path / "table.md").read_text() in again


def test_a_step_beyond_its_time_is_recorded_and_the_table_still_made(tmp_path):
    text = run(tmp_path, "--seconds", "6", "--steps", "parity,sizes")
    report = json.loads((tmp_path / "parity.json").read_text())
    assert not report["complete"] and "stopped after its" in report["errors"][0]
    sizes = json.loads((tmp_path / "sizes.json").read_text())
    assert sizes["errors"] == ["no time was left for it"]
    assert "failed: no time was left for it" in text


def test_a_part_that_fails_is_recorded_and_the_next_one_measured(tmp_path, scripts):
    report = scripts("common").Report(tmp_path, "step", tiny=True, seconds=10)
    report.part("first", lambda: 1 / 0)
    report.part("second", lambda: 2)
    report.close()
    data = json.loads((tmp_path / "step.json").read_text())
    assert data["errors"] == ["first: ZeroDivisionError: division by zero"]
    assert data["second"] == 2 and not data["complete"]


def test_text_of_random_words_encodes_to_as_many_tokens(tmp_path, scripts):
    models = scripts("models")
    size = models.TINY["vocab_size"]
    models.word_tokenizer(size).save_pretrained(tmp_path)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == size
    words = sorted(i for piece, i in tokenizer.get_vocab().items() if len(piece) == 7)
    assert len(words) > 0.9 * size
    ids = random.Random(0).choices(words, k=500)
    assert tokenizer(tokenizer.decode(ids), add_special_tokens=False)["input_ids"] == ids


def test_without_smollm2_its_step_says_so_and_is_tried_again(tmp_path, scripts, monkeypatch):
    monkeypatch.delenv("SMOLLM2", raising=False)
    step = scripts("smollm2")
    monkeypatch.setattr(step, "FETCH", (sys.executable, "-c", "raise SystemExit('no network')"))
    report = scripts("common").Report(tmp_path, "smollm2", tiny=False, seconds=10)
    report.data["commit"] = None
    step.measure(report)
    report.close()
    text = scripts("table").markdown(tmp_path)
    assert "SmolLM2 is not here and cannot be fetched (no network); SMOLLM2=FOLDER" in text
    assert "Not all of it was measured (KeyError: 'is')" not in text
    assert not json.loads((tmp_path / "smollm2.json").read_text())["complete"]


def test_curves_of_a_named_model_are_kept_when_the_step_goes_on(tmp_path, scripts, monkeypatch):
    monkeypatch.setenv("SMOLLM2", "some/warm-start")
    step, common = scripts("smollm2"), scripts("common")
    asked = []

    def learn(config, seconds):
        asked.append((config, round(seconds)))
        if config == "dc" and len(asked) == 3:
            raise RuntimeError("the card is gone")
        return {"rows": [config]}

    monkeypatch.setattr(step, "learn", learn)
    monkeypatch.setattr(step, "setting", lambda model, algo, tiny: algo)
    for commit in ("one", "one", "two"):
        report = common.Report(tmp_path, "smollm2", tiny=False, seconds=1000)
        report.data["commit"] = commit
        step.measure(report)
        report.close()
    assert [algo for algo, _ in asked] == ["mc", "cc", "dc", "dc", "mc", "cc", "dc"]
    assert {seconds for _, seconds in asked} == {90}
    done = common.read(tmp_path, "smollm2")
    assert done["complete"] and done["model"]["model"] == "some/warm-start"
