"""The page in a real Chromium: its table, filters and plots; every link and control."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright", reason="pip install playwright")

from browser import Opened, by_rows, press
from playwright.sync_api import expect

# -- the table


def column(page, title: str) -> list[str]:
    cells = (f"#leaderboard {tag}[data-title='{title}']" for tag in ("td", "th"))
    return page.locator(", ".join(cells)).all_inner_texts()


def test_the_table_has_a_row_a_group_and_sorts_by_every_head(browser, built, view):
    metrics = {m["title"]: m["id"] for m in view["metrics"]}
    keys = {
        "Method": lambda g: g["method"], "Environment": lambda g: g["title"],
        "Agents": lambda g: g["agents"], "Model": lambda g: g["size"] or 0,
        "Seeds": lambda g: len(g["seeds"]),
    }
    with Opened(browser, built) as page:
        assert page.locator("#leaderboard tbody tr:not(.detail)").count() == len(view["groups"])
        heads = page.locator("#leaderboard thead button").all_inner_texts()
        assert len(heads) == 9
        for title in (text.rstrip("↕▾▴").strip() for text in heads):
            def value(group, title=title):
                if title in keys:
                    return keys[title](group)
                return group["numbers"].get(metrics[title], {}).get("mean")

            button = page.locator("#leaderboard thead").get_by_role("button", name=title)
            orders = []
            for _ in range(2):
                button.click()
                head = page.locator(f"#leaderboard th:has(button:text('{title}'))")
                orders.append(head.get_attribute("aria-sort"))
                shown = by_rows(page, view)
                names = [text.strip() for text in column(page, "Method")]
                assert [g["method"] for g in shown] == names
                values = [value(group) for group in shown]
                there = [v for v in values if v is not None]
                assert values[len(there):] == [None] * (len(values) - len(there)), "none come last"
                by = str.lower if isinstance(there[0], str) else float
                reverse = orders[-1] == "descending"
                assert [by(v) for v in there] == sorted(map(by, there), reverse=reverse), title
            assert sorted(orders) == ["ascending", "descending"]
            assert page.evaluate("document.activeElement.textContent").startswith(title)


def test_at_first_the_best_of_each_setting_stands_first(browser, built, view):
    """Scores of different settings do not compare: the first order is not by score alone."""
    with Opened(browser, built) as page:
        shown = by_rows(page, view)
        places = [group["setting"] for group in shown]
        assert len(set(places)) > 3
        assert len([a for a, b in zip(places, places[1:]) if a != b]) == len(set(places)) - 1
        for a, b in zip(shown, shown[1:]):
            if a["setting"] == b["setting"] and "score_mean" in a["numbers"]:
                scores = [group["numbers"]["score_mean"]["mean"] for group in (a, b)]
                assert scores == sorted(scores, reverse=True)
        assert page.locator("label[for=curve-x] span").inner_text() == "x axis"
        assert page.locator("label[for=curve-y] span").inner_text() == "y axis"
        axis = page.locator("#curves figure .axes .label").all_text_contents()
        assert "training score" in axis and "score" not in axis


def test_few_seeds_are_flagged_and_every_seed_is_a_dot(browser, built, view):
    with Opened(browser, built) as page:
        for text, group in zip(column(page, "Seeds"), by_rows(page, view), strict=True):
            n = len(group["seeds"])
            assert text.split() == ([str(n), "few"] if n < 5 else [str(n)])
        strips = page.locator("#leaderboard .strip")
        dots = [strip.locator(".dot").count() for strip in strips.all()]
        expected = [len(g["seeds"]) for g in by_rows(page, view) if "score_mean" in g["numbers"]]
        assert dots == expected
        for group, text in zip(by_rows(page, view), column(page, "Held-out score"), strict=True):
            found = group["numbers"].get("score_mean")
            assert text.split()[0] == (f"{found['mean']:.3f}" if found else "—")
            if found and found["low"] is not None:
                assert f"{found['high']:.3f}" in text


def test_details_say_every_number_and_how_it_was_made(browser, built, view):
    with Opened(browser, built) as page:
        row = next(i for i, g in enumerate(by_rows(page, view))
                   if g["method"] == "cc" and g["agents"] == 3)
        group = by_rows(page, view)[row]
        button = page.locator("#leaderboard .action button").nth(row)
        button.click()
        assert button.get_attribute("aria-expanded") == "true"
        detail = page.locator(f"#{button.get_attribute('aria-controls')}")
        text = detail.inner_text()
        made = group["provenance"]
        for said in (made["command"], made["digest"], "c0ffeec0ffee (modified)",
                     "Test CPU, 2 cores, 4 GiB", "torch 2.13.0", *group["folders"]):
            assert said in text
        for seed in group["seeds"]:
            assert f"seed {seed}" in text
        rows = detail.locator("tbody tr").count()
        assert rows == len(group["numbers"]) > 20
        detail.get_by_role("button", name="Watch its episodes").click()
        assert page.locator("#replay-group").input_value() == group["id"]
        assert page.evaluate("document.activeElement.id") == "replay-episode"
        button.click()
        assert not detail.is_visible()


# -- filters


def test_filters_by_environment_agents_and_model_size(browser, built, view):
    with Opened(browser, built) as page:
        def shown():
            return {(g["env"], g["agents"], g["model_title"]) for g in by_rows(page, view)}

        press(page, "Environment", "strategy")
        assert {env for env, *_ in shown()} == {"strategy"}
        press(page, "Agents", "2")
        press(page, "Agents", "4")
        assert {agents for _, agents, _ in shown()} == {2, 4}
        assert "env=strategy" in page.url and "agents=4" in page.url
        assert page.locator(".count").inner_text() == "6 groups, 18 runs shown"
        titles = page.locator("#curves figcaption").all_inner_texts()
        assert titles and all("3 agents" not in title for title in titles)
        page.reload()
        assert {agents for _, agents, _ in shown()} == {2, 4}, "the address keeps the filters"
        press(page, "Agents", "all")
        press(page, "Environment", "all")
        press(page, "Model size", "tiny (596 M)")
        assert shown() == {("rendezvous", 2, "tiny (596 M)")}
        press(page, "Model size", "all")
        press(page, "Model size", "<b>big</b>/model")
        assert shown() == {("strategy", 3, "<b>big</b>/model")}
        press(page, "Agents", "2")
        assert page.locator("#leaderboard").count() == 0
        for section in ("board", "curves", "compare"):
            assert "No runs pass these filters" in page.locator(f"#{section}").inner_text()
        page.locator("#board").get_by_role("button", name="Show all runs").click()
        assert len(by_rows(page, view)) == len(view["groups"])


# -- plots


def test_curves_show_means_seeds_and_n(browser, built, view):
    with Opened(browser, built) as page:
        press(page, "Agents", "3")
        press(page, "Model size", "tiny (172 k)")
        figure = page.locator("#curves figure").first
        names = figure.locator(".key").all_inner_texts()
        assert [" ".join(name.split()) for name in names] == [
            "cc n = 5", "dc n = 5", "mc n = 5",
        ]
        expect(figure.locator(".series")).to_have_count(3)
        assert figure.locator(".series .seed").count() == 15
        assert figure.locator(".series .band").count() == 3
        page.get_by_role("button", name="intervals").first.click()
        figure = page.locator("#curves figure").first
        expect(figure.locator(".series")).to_have_count(3)
        assert figure.locator(".series .band").count() == 0
        figure.locator(".key").first.click()
        assert figure.locator(".series").count() == 2
        assert figure.locator(".key").first.get_attribute("aria-pressed") == "false"
        figure.locator(".key").first.press("Enter")
        assert figure.locator(".series").count() == 3
        for unit in ("agent_turns", "tokens", "seconds", "episodes"):
            page.locator("#curve-x").select_option(unit)
            figure = page.locator("#curves figure").first
            expect(figure.locator(".series")).to_have_count(3)
        figure.locator("svg[role=img]").focus()
        page.keyboard.press("Home")
        group = next(g for g in view["groups"] if g["method"] == "cc" and g["agents"] == 3)
        said = figure.locator(".readout").inner_text()
        assert said.startswith("training episodes 64: cc ")
        assert f"cc {group['curves']['score']['mean'][0]:.3f}" in said
        page.keyboard.press("ArrowRight")
        assert figure.locator(".readout").inner_text().startswith("training episodes 128:")
        figure.locator("summary").click()
        expect(figure.locator(".values tbody tr")).to_have_count(3 * 12)


def test_rows_and_scaling_draw_every_seed(browser, built, view):
    with Opened(browser, built) as page:
        press(page, "Agents", "3")
        press(page, "Model size", "tiny (172 k)")
        for metric in view["metrics"]:
            there = [g for g in view["groups"] if g["agents"] == 3 and metric["id"] in g["numbers"]
                     and g["model_title"] == "tiny (172 k)"]
            if not there:
                continue
            page.locator("#compare-metric").select_option(metric["id"])
            expect(page.locator("#compare .row"), metric["id"]).to_have_count(len(there))
            marks = page.locator("#compare .row .dot, #compare .row .beyond").count()
            seeds = [v for g in there for v in g["numbers"][metric["id"]]["seeds"]]
            assert marks == sum(value is not None for value in seeds), metric["id"]
        press(page, "Agents", "all")
        expect(page.locator("#scaling .series")).to_have_count(3)
        assert page.locator("#scaling figure").count() == 1
        assert page.locator("#scaling .tick.middle").all_text_contents() == ["2", "3", "4"]
        assert page.locator("#scaling .dot").count() == 3 * (3 + 5 + 3)
        page.locator("#scaling-metric").select_option("bytes_exchanged")
        expect(page.locator("#scaling .series")).to_have_count(3)


def test_pairs_and_profiles(browser, built, view):
    with Opened(browser, built) as page:
        press(page, "Agents", "2")
        press(page, "Environment", "strategy")
        expect(page.locator("#more figure .series")).to_have_count(3)
        rows = page.locator("#more table.plain tbody tr").all_inner_texts()
        pairs = [p for p in view["pairs"] if "agents2" in p["setting"] and "strategy" in p["a"]]
        assert len(rows) == len(pairs) == 3
        for pair, row in zip(pairs, rows):
            better = pair["probability_of_improvement"]
            assert (better is None) == (min(pair["difference"]["n"]) < 5)
            assert better is None or f"{better['value'] * 100:.3g}%" in row
            decided = pair["difference"]["smallest_p"] <= 0.05
            assert ("n too small" in row) != decided


# -- all of it


def test_every_link_and_control_does_something_and_breaks_nothing(browser, built, view):
    with Opened(browser, built) as page:
        page.locator("#says .card").first.wait_for()
        page.locator("#leaderboard .action button").first.click()
        page.locator(".map-key").first.wait_for()
        controls = page.evaluate("probe.controls()")
        assert len(controls) > 60
        idle = []
        for where in controls:
            found = page.evaluate("where => probe.look(where)", where)
            if found is None:
                continue  # an earlier control took it away, as a filter does with rows
            use(page.locator(where), **found)
            if not page.evaluate("probe.changed()"):
                idle.append((where, found))
            page.evaluate("probe.clearFilters()")
        assert not idle


def use(control, kind: str, values: list[str], last: str | None) -> None:
    """Do with a control what it is for."""
    if kind == "SELECT":
        control.select_option(values[-1])
    elif kind == "INPUT":
        control.fill(last)
    else:
        control.click()
