"""The recipes of docs/architecture.md, done as printed, in a scratch copy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
from paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
SMALL = ["--agents", "2", "--episodes", "8", "--batch", "4", "--eval-episodes", "2", "--quiet",
         "--name", "a", "--checkpoint-every", "1"]


def code(start: str) -> str:
    """The Python block of the page that begins with ``start``."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    (block,) = [block for block in blocks if block.startswith(start)]
    return block


def run(cwd, *argv, module="run"):
    command = [sys.executable, "-m", f"colllm_bench.{module}", *argv]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_an_algorithm_with_an_option_and_a_critic_is_one_file(tmp_path):
    (tmp_path / "my_algorithm.py").write_text(code("# my_algorithm.py"))
    algo = "./my_algorithm.py:MyAlgorithm"
    done = run(tmp_path, "--algo", algo, "--algo-option", "bag_width=32", *SMALL)
    assert done.returncode == 0, done.stderr
    folder = next(tmp_path.glob("results/strategy/*/a/seed0"))
    assert json.loads((folder / "config.json").read_text())["config"]["algo_options"][
        "bag_width"] == 32
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 2 and all("value_loss" in row for row in rows)
    assert "--bag-width N" in run(tmp_path, "--algo", algo, "--help").stdout
    refused = run(tmp_path, "--algo", algo, "--bag-width", "0", *SMALL[:-2], "--name", "b")
    assert refused.returncode == 2 and "allowed: 1 or more" in refused.stderr


def test_a_kind_of_team_is_one_file(tmp_path):
    (tmp_path / "my_team.py").write_text(code("# my_team.py"))
    argv = ["./my_team.py:EchoKind", "--style", "brief", "--agents", "2", "--episodes", "2",
            "--name", "a"]
    done = run(tmp_path, *argv, module="evaluate")
    assert done.returncode == 0, done.stderr
    assert "EchoKind" in done.stdout or "echo" in done.stdout


@pytest.fixture
def checkout(tmp_path):
    """A scratch copy of the packages."""
    ignore = shutil.ignore_patterns("__pycache__", "site")
    for name in ("colllm_bench", "envs", "baselines", "leaderboard"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_flag_is_one_field(checkout):
    field = code("    value_clip: float = option(")
    config = checkout / "colllm_bench" / "config.py"
    text = config.read_text()
    place = "    eval_episodes: int = option("
    assert text.count(place) == 1
    config.write_text(text.replace(place, field + place))
    assert "--value-clip X" in run(checkout, "--help").stdout
    for value in ("-3", "nan"):
        refused = run(checkout, f"--value-clip={value}", *SMALL)
        assert refused.returncode == 2 and "allowed: 0 or more" in refused.stderr
    dry = run(checkout, "--dry-run", "--value-clip", "0.3").stdout
    assert "\nvalue_clip = 0.3" in dry
    name = subprocess.run(
        [sys.executable, "-c", "from colllm_bench.config import RunConfig; from colllm_bench."
         "runs.naming import default_name; print(default_name(RunConfig(value_clip=0.3)))"],
        cwd=checkout, capture_output=True, text=True,
    )
    assert name.stdout.strip() == "valueclip0.3", name.stderr


def test_a_metric_is_one_line(checkout):
    line = code('Metric("episode_length"')
    metrics = checkout / "leaderboard" / "metrics.py"
    text = metrics.read_text()
    (place,) = re.findall(r"^METRICS.*= [\[(]\n", text, re.M)
    metrics.write_text(text.replace(place, place + line))
    out = checkout / "report"
    command = [sys.executable, "-m", "colllm_bench.leaderboard", "build",
               str(ROOT / "results" / "reference"), "--out", str(out)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert any("episode_length" in path.read_text() for path in out.rglob("*.csv"))
    assert any("episode length" in path.read_text() for path in out.rglob("*.md"))
    assert "episode_length" in (out / "index.html").read_text()
