"""The page on a phone, in the dark, by keyboard, on paper, and of one old run."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright", reason="pip install playwright")

from browser import Opened, by_rows
from made_runs import make_run
from replay_page import open_replay

from colllm_bench.leaderboard.data.collection import read
from colllm_bench.leaderboard.page import build_page
from colllm_bench.leaderboard.report_data import build_data


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes(browser, built, view, scheme):
    with Opened(browser, built, scheme=scheme) as page:
        open_replay(page, view, "agents3-cc/0/iteration-00004")
        page.locator("#next").click()
        page.locator("#leaderboard .action button").first.click()
        assert page.evaluate("probe.faint()") == []
        page.locator("#theme").click()
        page.locator("#theme").click()
        assert page.locator("#theme").inner_text() == "Colours: dark"
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(22, 24, 27)"
        page.reload()
        assert page.locator("#theme").inner_text() == "Colours: dark", "it is remembered"


def test_a_phone_shows_everything_without_scrolling_sideways(browser, built, view):
    with Opened(browser, built, width=375, height=740) as page:
        open_replay(page, view, "agents4-cc/0/held-out-0")
        page.locator("#next").click()
        page.locator("#leaderboard .action button").first.click()
        page.locator(".map-key").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        assert page.evaluate("probe.outside()") == []
        assert page.evaluate("probe.small()") == [], "a finger needs 24 pixels"
        assert not page.locator("#leaderboard > thead").is_visible()
        page.locator("#leaderboard-sort").select_option("agents")
        agents = [group["agents"] for group in by_rows(page, view)]
        assert agents == sorted(agents)
        page.locator("#leaderboard-sort-turn").click()
        assert [group["agents"] for group in by_rows(page, view)] == sorted(agents, reverse=True)
        assert min(page.evaluate("probe.plotFonts()")) >= 11, "text in plots keeps its size"


def test_everything_has_a_name_and_the_keyboard_reaches_it(browser, built, view):
    with Opened(browser, built) as page:
        page.locator("#says .card").first.wait_for()
        assert page.evaluate("probe.nameless()") == []
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.locator(".skip").bounding_box()["width"] > 100, "seen once it has the focus"
        seen = set()
        for _ in range(400):
            page.keyboard.press("Tab")
            name, tag, outline = page.evaluate("""() => { const e = document.activeElement;
                return [e.id, e.tagName, getComputedStyle(e).outlineStyle]; }""")
            if tag == "BODY":
                break
            assert outline != "none", f"{tag} {name} has the focus and does not show it"
            seen.add(name)
        else:
            raise AssertionError("the focus is caught")
        assert {"theme", "filter-env-all", "filter-model-0", "compare-metric", "curve-x",
                "curve-bands", "replay-group", "play", "turn", "speed"} <= seen


def test_paper_has_the_plots_and_no_controls(browser, built, view):
    with Opened(browser, built, scheme="dark") as page:
        page.emulate_media(media="print")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        assert page.locator("#curves figure").first.is_visible()
        for gone in ("#filters", "nav", "#theme", "#curves .controls"):
            assert not page.locator(gone).first.is_visible()
        assert page.evaluate("probe.faint()") == []


def test_a_report_of_one_old_run_has_a_page(browser, tmp_path):
    make_run(tmp_path / "results", iterations=3)
    path = build_page(build_data(read(tmp_path / "results")), tmp_path)
    with Opened(browser, path) as page:
        assert "recorded no replays" in page.locator("#replays").inner_text()
        assert "several numbers of agents" in page.locator("#scaling").inner_text()
        assert "Nothing: every run folder" in page.locator("#excluded").inner_text()
