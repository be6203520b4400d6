"""The pages are whole: all in the navigation, no link or file name that leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts import load_script

from colllm_bench.config import RENAMED

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("[!_]*.md"))
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "README.md"]


def anchors(path: Path) -> set[str]:
    """The headings of a page as both GitHub and MkDocs spell them in links."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    plain = [re.sub(r"[^\w\s-]", "", head.lower()).strip() for head in heads]
    return {re.sub(r"\s", "-", head) for head in plain}


def test_every_page_is_in_the_navigation():
    named = re.findall(r": (\w+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(named) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name}: {target}"
        assert not heading or heading in anchors(path), f"{page.name}: {target}#{heading}"


def test_files_that_the_architecture_page_names_exist():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tables = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    folders = "colllm_bench|envs|baselines|leaderboard|tests"
    paths = re.findall(rf"`((?:{folders})/[\w/]*(?:\.py)?)`", tables)
    assert len(paths) > 30
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_tables_of_results_are_what_the_reference_runs_give():
    script = load_script(ROOT / "results/readme/table.py")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = script.blocks()
    assert set(blocks) == {"results", "comparisons"}
    assert all(block in readme for block in blocks.values())


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_pages_call_flags_by_their_present_names(page):
    flags = set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", page.read_text(encoding="utf-8")))
    assert not flags & {name.replace("_", "-") for name in RENAMED}
