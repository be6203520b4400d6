"""The replay viewer in a real Chromium: maps, steps, documents, and text that attacks."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("playwright", reason="pip install playwright")

from browser import Opened
from page_runs import ATTACKS
from playwright.sync_api import expect
from replay_page import open_replay


def test_the_map_is_the_campaign_turn_by_turn(browser, built, view):
    with Opened(browser, built) as page:
        replay = open_replay(page, view, "agents3-cc/0/held-out-0")
        assert page.locator("#says pre").all_inner_texts() == [
            agent["instructions"] for agent in replay["agents"]
        ]
        for t, frame in enumerate(replay["frames"]):
            row_groups = page.locator("#frame .lane")
            # The page draws when it has time: wait for this turn's picture.
            expect(page.locator("#frame .headline")).to_contain_text(f"day {frame['day']} of")
            expect(row_groups).to_have_count(len(frame["fronts"]))
            for lane, front in zip(row_groups.all(), frame["fronts"], strict=True):
                assert lane.locator(".army text").text_content() == str(front["army"])
                assert lane.locator(".ambush").count() == sum(front["road"])
                assert lane.locator(".wall").count() == front["wall"]
                assert lane.locator(".rubble").count() == front["height"] - front["wall"]
                assert lane.locator(".reserve").count() == front["reserve"]
                assert lane.locator(".cell").count() == front["length"]
                assert lane.locator(".flag").count() == (front["wall"] == 0)
            head = page.locator("#frame .headline").inner_text()
            assert f"day {frame['day']} of" in head and f"supply {frame['supply']}" in head
            if t < len(replay["turns"]):
                page.locator("#next").click()
        assert ("victory" in head) == replay["success"]
        assert page.locator("#next").is_disabled()
        assert "won" in page.locator("#turn-text").inner_text()


def test_steps_by_button_slider_key_and_by_itself(browser, built, view):
    with Opened(browser, built) as page:
        replay = open_replay(page, view, "agents3-cc/0/held-out-0")
        last = len(replay["turns"])

        def at():
            return int(page.locator("#turn").input_value())

        def said(t):
            found = page.locator("#says .said").all_inner_texts()
            assert found == [own["action"] for own in replay["turns"][t - 1]["agents"]]
            seen = page.locator("#says .seen").all_inner_texts()
            assert seen == [own["observation"] for own in replay["turns"][t - 1]["agents"]]

        page.locator("#last").click()
        said(last)
        page.locator("#previous").click()
        said(last - 1)
        page.locator("#first").click()
        assert at() == 0 and page.locator("#first").is_disabled()
        page.locator("#turn").fill("3")
        said(3)
        page.locator("#next").focus()
        page.keyboard.press("ArrowRight")
        assert at() == 4
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("End")
        assert at() == last
        page.locator("#play").focus()
        page.keyboard.press("Home")
        assert at() == 0
        page.locator("#timeline span").nth(1).click()
        said(2)
        assert "turn=2" in page.url
        page.reload()
        page.wait_for_selector("#says .said")
        said(2)
        page.locator("#speed").select_option("4")
        page.locator("#play").click()
        assert page.locator("#play").get_attribute("aria-label") == "Pause"
        expect(page.locator("#turn")).to_have_value(str(last), timeout=10_000)
        assert page.locator("#play").get_attribute("aria-label") == "Play"
        page.get_by_text("The whole transcript").click()
        expect(page.locator(".transcript > li")).to_have_count(last)
        page.locator(".transcript > li button").nth(4).click()
        assert at() == 5


def test_values_and_advantages_of_training_are_shown(browser, built, view):
    with Opened(browser, built) as page:
        replay = open_replay(page, view, "agents3-cc/0/iteration-00004")
        page.locator("#next").click()
        own = replay["turns"][0]["agents"][0]
        text = page.locator("#says .card").first.inner_text()
        assert f"value {own['value']:.3f}" in text
        assert f"{abs(own['advantage']):.3f}" in text


def test_documents_unknown_pictures_and_leavers(browser, built, view):
    with Opened(browser, built) as page:
        open_replay(page, view, "agents3-mc/0/held-out-0")
        parts = page.locator("#frame .part")
        assert parts.count() == 3
        assert parts.nth(0).locator("pre").inner_text() == "def solve(x):\n    return x < 1"
        assert parts.nth(1).locator("li").inner_text() == ATTACKS[0]
        open_replay(page, view, "agents3-mc/0/held-out-1")
        assert "cannot be drawn" in page.locator("#frame").inner_text()
        assert "no map here" in page.locator("#frame pre").inner_text()
        page.locator("#next").click()
        assert json.loads(page.locator("#frame pre").inner_text())["secret"] == ATTACKS[0]
        open_replay(page, view, "agents3-mc/1/held-out-0")
        page.locator("#last").click()
        text = page.locator("#frame").inner_text()
        assert "story, draft 3 of 3" in text and "quality 0.250" in text
        assert page.locator("#frame .part pre").all_inner_texts() == ["Once." * 3] * 2
        assert page.locator("#frame .badge.bad").all_inner_texts() == ["invalid"]
        open_replay(page, view, "agents3-mc/0/held-out-2")
        assert page.locator("#frame").count() == 0
        page.locator("#last").click()
        assert "has left" in page.locator("#says .card").first.inner_text()
        assert "cut off" in page.locator("#turn-text").inner_text()


def test_text_that_attacks_is_text(browser, built, view):
    opened = Opened(browser, built)
    with opened as page:
        replay = open_replay(page, view, "agents3-cc/0/untrained-0")
        page.get_by_text("The whole transcript").click()
        page.locator(".transcript").wait_for()
        shown = page.locator(".transcript .said").evaluate_all("all => all.map(e => e.textContent)")
        assert set(ATTACKS) <= set(shown)
        for t in range(len(replay["turns"])):
            page.locator("#next").click()
            if t < len(ATTACKS):
                text = page.locator("#says .said").first.text_content()
                assert text == ATTACKS[t]
                assert page.locator("#says .badge.bad").count() == 3, "invalid is said"
        for button in page.locator("#leaderboard .action button").all():
            button.click()
        assert page.evaluate("window.pwned") is None
        assert page.locator("img, iframe, object").count() == 0
        assert page.locator("script").count() == 2
        assert "torn<script>" in page.locator("#excluded").inner_text()
        assert "<img src=q onerror=" in page.locator("#leaderboard").inner_text()
        blocked = page.evaluate("""() => { const s = document.createElement('script');
            s.textContent = 'window.pwned = 10'; document.body.append(s); return window.pwned; }""")
        assert blocked is None
        (problem,) = opened.problems
        assert "Content Security Policy" in problem, "the policy lets no other script run"
        opened.problems.clear()
