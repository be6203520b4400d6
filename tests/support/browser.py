"""A real, headless Chromium for tests of pages.

``apt-get install chromium`` (or any Chrome) and the Python package ``playwright`` are enough.
Without a browser such tests are skipped with the reason; under ``CI=true`` they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


PROBE = (Path(__file__).parent / "page_probe.js").read_text()


def executable() -> str | None:
    """Where a Chromium lies: ``$CHROMIUM``, the system's, or None."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)]
    found += [str(ON_MACOS)] if ON_MACOS.exists() else []
    return next((path for path in found if path), None)


def missing(reason: str) -> None:
    """No browser: a reason to skip on somebody's machine, a failure where CI forgot it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI=true: .ci/run must install it")
    pytest.skip(f"{reason}: apt-get install chromium, or set CHROMIUM to one")


@contextmanager
def chromium() -> Iterator:
    """A running browser of playwright."""
    path = executable()
    if path is None:
        missing("no Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # root may not use its sandbox
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page with what it complained about.

    Attributes:
        page: playwright's.
        problems: console messages (all but plain logs), uncaught errors, and every request but
            for the page itself.
    """

    def __init__(self, browser, path: Path, *, width=1280, height=900, scheme="light", hash=""):
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme,
            reduced_motion="reduce",
        )
        self.page, self.problems = self.context.new_page(), []
        self.url = path.resolve().as_uri()
        note = self.problems.append
        self.page.on("console", lambda m: m.type in ("error", "warning") and note(m.text))
        self.page.on("pageerror", lambda error: note(str(error)))
        self.page.on("dialog", lambda dialog: (note(dialog.message), dialog.dismiss()))
        self.page.on(
            "request", lambda r: r.url.split("#")[0] == self.url or note(f"asked for {r.url}")
        )
        self.page.goto(self.url + hash)
        self.page.locator(".canvas svg").first.wait_for()
        self.page.evaluate(PROBE)

    def __enter__(self):
        return self.page

    def __exit__(self, *exception):
        self.context.close()
        assert not self.problems or exception[0], self.problems


def press(page, name: str, value: str) -> None:
    """A filter's chip."""
    chips = page.locator("#filters").get_by_role("group", name=name)
    chips.get_by_role("button", name=value, exact=True).click()


def by_rows(page, view: dict) -> list[dict]:
    """The groups of the page's data in the order of the table's rows."""
    groups = {group["id"]: group for group in view["groups"]}
    rows = page.locator("#leaderboard tr[data-key]")
    return [groups[key] for key in rows.evaluate_all("all => all.map(row => row.dataset.key)")]
