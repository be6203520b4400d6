"""Python in README and docs/: no name comes from nowhere, and what is whole runs."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import pytest
from paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("[!_]*.md"))]
SNIPPETS = {
    f"{page.stem}-{k}": code
    for page in PAGES
    for k, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S))
}
WHOLE = ["classic-0", "classic-1", "coding-0", "credit-0", "runs-0", "sandbox-0", "statistics-0",
         "strategy-0", "writing-0"]
"""Those that need no run folder and train nothing; others have tests of their own."""


@pytest.mark.parametrize("name", SNIPPETS)
def test_every_name_is_imported_or_defined(name):
    code = textwrap.dedent(SNIPPETS[name])
    if code.startswith("Metric("):  # an entry of a list in a file that the page names
        code = "from colllm_bench.leaderboard.metrics import Metric, mean_of, per_run\n" + code
    if re.match(r"\w+: \w+ = option\(", code):  # a field of a class that the page names
        code = "from colllm_bench.options import option\n" + code
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821",
         "--output-format", "concise", "-"],
        input=code, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WHOLE)
def test_it_runs(name, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)  # results/reference lies there
    code = SNIPPETS[name].replace('render_mode="human"', 'render_mode="ansi"')
    names: dict = {}
    exec(compile(code, f"{name}.py", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    # What a comment beside a print promises, up to an ellipsis or a remark.
    for promised in re.findall(r"^ *print\(.*\) +# ([\w.]+)$", code, re.M):
        assert promised in printed, (promised, printed)
