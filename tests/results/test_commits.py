"""Every commit that a committed result names exists, or its README says that it does not."""

from __future__ import annotations

import re
import subprocess

import pytest
from paths import ROOT

NAMED = re.compile(r'(?:"commit": ?"|\bcommits? `?)([0-9a-f]{7,40})\b')
GONE = re.compile(r"^Commits that no longer exist: (.+)$", re.MULTILINE)
"""The line of a README that lists them: made at a commit that was later rewritten."""


def git(*command: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def tracked_texts() -> dict[str, str]:
    """The text files below results/ that git knows, by path."""
    names = git("ls-files", "results").split("\n")
    wanted = [name for name in names if name.endswith((".json", ".md", ".txt", ".jsonl"))
              and not name.endswith(("episodes.jsonl", "metrics.jsonl", "timing.jsonl"))]
    return {name: (ROOT / name).read_text() for name in wanted if (ROOT / name).exists()}


def listed_as_gone(texts: dict[str, str]) -> set[tuple[str, str]]:
    """(folder, commit) of what the READMEs list."""
    return {
        (name.rpartition("/")[0], commit)
        for name, text in texts.items() if name.endswith("README.md")
        for line in GONE.findall(text) for commit in re.findall(r"\b[0-9a-f]{7,40}\b", line)
    }


@pytest.fixture(scope="module")
def texts():
    shallow = git("rev-parse", "--is-shallow-repository").strip()
    if not (ROOT / ".git").exists() or shallow != "false":
        pytest.skip("this checkout has no git history: commits cannot be looked up in it")
    return tracked_texts()


def exists(commit: str) -> bool:
    return bool(git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"))


def test_commits_that_results_name_exist_or_are_listed_as_gone(texts):
    gone = listed_as_gone(texts)
    named = {(name, commit) for name, text in texts.items() for commit in NAMED.findall(text)}
    assert len(named) > 50, "the results name their commits"
    missing = sorted(
        (name, commit) for name, commit in named
        if not exists(commit) and not any(
            name.startswith(f"{folder}/") and commit.startswith(short) for folder, short in gone
        )
    )
    assert not missing, "say so in the README beside them: 'Commits that no longer exist: ...'"


def test_the_list_of_commits_that_are_gone_is_true(texts):
    for folder, commit in sorted(listed_as_gone(texts)):
        assert not exists(commit), f"{folder}/README.md: {commit} exists"
        assert any(
            named.startswith(commit) for name, text in texts.items()
            if name.startswith(f"{folder}/") and not name.endswith(".md")
            for named in NAMED.findall(text)
        ), f"{folder}/README.md: nothing there names {commit}"


def test_a_commit_is_found_however_it_is_named():
    text = ('at commit 1234567 and `x`, {"commit":"abcdef0123"}, "commit": "0000000", '
            "commits fffffff")
    assert NAMED.findall(text) == ["1234567", "abcdef0123", "0000000", "fffffff"]
    assert GONE.findall("a\nCommits that no longer exist: abcdef0 (x), 1234567.\n") == [
        "abcdef0 (x), 1234567."]
