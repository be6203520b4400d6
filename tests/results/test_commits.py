"""Every commit that a committed result or page names is in the history, or its README says that
it is gone."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from paths import ROOT

ID = re.compile(r"\b[0-9a-f]{7,40}\b")
IN_PROSE = re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b")
"""In a line that speaks of commits: neither a date nor a word such as "defaced"."""
GONE = re.compile(r"^Commits that no longer exist: (.+)$", re.MULTILINE)
"""The line of a README that lists them: made at a commit that was later rewritten."""
KNOWN_AS_GONE = {
    ("results/benchmarks", "cea37b5"), ("results/verification", "04eb771"),
}
"""(folder, commit). No more of them: what is to be committed is made at a commit that stays."""
TEXTS = (".json", ".jsonl", ".md", ".txt", ".toml", ".csv")
NOT_THEIRS = ("episodes.jsonl", "metrics.jsonl", "timing.jsonl")
"""Files of a run that name no commit; its environment.json does."""


def git(*command: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def commits_in(value: Any, named: bool = False) -> Iterator[str]:
    """The ids in a value of JSON: all below a key that speaks of commits, and those in texts."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from commits_in(inner, named or "commit" in key.lower())
    elif isinstance(value, list):
        for inner in value:
            yield from commits_in(inner, named)
    elif isinstance(value, str):
        yield from ID.findall(value) if named else commits_in_prose(value)


def commits_in_prose(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if "commit" in line.lower():
            yield from IN_PROSE.findall(line)


def commits_of(name: str, text: str) -> Iterator[str]:
    """The ids that a file names."""
    if name.endswith(".jsonl"):
        for line in text.splitlines():
            yield from commits_in(json.loads(line)) if "commit" in line.lower() else ()
    elif name.endswith(".json"):
        yield from commits_in(json.loads(text))
    else:
        yield from commits_in_prose(text)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The text files of results and pages that git knows, by path."""
    shallow = git("rev-parse", "--is-shallow-repository").strip()
    if not (ROOT / ".git").exists() or shallow != "false":
        pytest.skip("this checkout has no git history: commits cannot be looked up in it")
    names = git("ls-files", "results", "docs", "README.md", "CHANGELOG.md").split("\n")
    wanted = [n for n in names if n.endswith(TEXTS) and not n.endswith(NOT_THEIRS)]
    return {name: (ROOT / name).read_text() for name in wanted if (ROOT / name).exists()}


@pytest.fixture(scope="module")
def history(texts) -> set[str]:
    """What a clone has: an object that only this machine still has counts for nothing."""
    return set(git("rev-list", "HEAD").split())


def known(commit: str, history: set[str]) -> bool:
    return any(one.startswith(commit) for one in history)


def listed_as_gone(texts: dict[str, str]) -> set[tuple[str, str]]:
    """(folder, commit) of what the READMEs list."""
    return {
        (name.rpartition("/")[0], commit)
        for name, text in texts.items() if name.endswith("README.md")
        for line in GONE.findall(text) for commit in ID.findall(line)
    }


def test_commits_that_results_name_exist_or_are_listed_as_gone(texts, history):
    named = {(name, commit) for name, text in texts.items() for commit in commits_of(name, text)}
    assert len(named) > 100, "the results name their commits"
    missing = sorted(
        (name, commit) for name, commit in named
        if not known(commit, history) and not any(
            name.startswith(f"{folder}/") and commit.startswith(short)
            for folder, short in KNOWN_AS_GONE
        )
    )
    assert not missing, "make it again at a commit that stays, or name one that has the same code"


def test_what_is_gone_is_said_beside_it_and_is_gone(texts, history):
    assert listed_as_gone(texts) == KNOWN_AS_GONE
    for folder, commit in sorted(KNOWN_AS_GONE):
        assert not known(commit, history), f"{folder}/README.md: {commit} exists"
        assert any(
            named.startswith(commit) for name, text in texts.items()
            if name.startswith(f"{folder}/") and not name.endswith(".md")
            for named in commits_of(name, text)
        ), f"{folder}/README.md: nothing there names {commit}"


@pytest.mark.parametrize("name, text, found", [
    ("a.md", "at commit 12345e7 and `x`\nMade at these commits: cc abcdef0; mc 0fffff1.",
     ["12345e7", "abcdef0", "0fffff1"]),
    ("a.md", "The code of others at `fd0ba61`.\nA commit of 20261127, defaced.", []),
    ("a.json", '{"commit":"1234567", "commits": {"old": "abcdef0", "new": ["0000000"]}, '
     '"digest": "c1719b945a4c", "note": "up to commit ce7469f"}',
     ["1234567", "abcdef0", "0000000", "ce7469f"]),
    ("a.jsonl", '{"seed": 1, "score": 0.5}\n{"environment": {"commit": "abcdef0123"}}\n',
     ["abcdef0123"]),
])
def test_a_commit_is_found_however_it_is_named(name, text, found):
    assert list(commits_of(name, text)) == found


def test_the_line_of_a_readme_is_read():
    assert GONE.findall("a\nCommits that no longer exist: abcdef0 (x), 1234567.\n") == [
        "abcdef0 (x), 1234567."]
