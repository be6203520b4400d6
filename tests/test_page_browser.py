"""The page in a real Chromium: every link and control, on a desk, on a phone, in the dark."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

pytest.importorskip("playwright", reason="pip install playwright")

from browser import Opened, chromium
from page_runs import ATTACKS, make_results
from playwright.sync_api import expect
from test_page import view_of

from colllm_bench.leaderboard.data import build_data
from colllm_bench.leaderboard.page import build_page
from colllm_bench.leaderboard.runs import read


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    where = tmp_path_factory.mktemp("site")
    return build_page(build_data(read(make_results(where / "results"))), where)


@pytest.fixture(scope="module")
def view(built):
    return view_of(built.read_text())


def replay_in(view, ending: str) -> dict:
    entry = next(e for e in view["replays"] if e["id"].endswith(ending))
    return json.loads(gzip.decompress(base64.b64decode(entry["gz"])))


def column(page, title: str) -> list[str]:
    return page.locator(f"#leaderboard td[data-title='{title}'], "
                        f"#leaderboard th[data-title='{title}']").all_inner_texts()


# -- the table


def test_the_table_has_a_row_a_group_and_sorts_by_every_head(browser, built, view):
    measures = {m["title"]: m["id"] for m in view["measures"]}
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
                return group["numbers"].get(measures[title], {}).get("mean")

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


def test_few_seeds_are_flagged_and_every_seed_is_a_dot(browser, built, view):
    with Opened(browser, built) as page:
        for text, group in zip(column(page, "Seeds"), by_rows(page, view), strict=True):
            n = len(group["seeds"])
            assert text.split() == ([str(n), "few"] if n < 5 else [str(n)])
        strips = page.locator("#leaderboard .strip")
        dots = [strip.locator(".dot").count() for strip in strips.all()]
        expected = [len(g["seeds"]) for g in by_rows(page, view) if "score-mean" in g["numbers"]]
        assert dots == expected
        for group, text in zip(by_rows(page, view), column(page, "Score"), strict=True):
            found = group["numbers"].get("score-mean")
            assert text.split()[0] == (f"{found['mean']:.3f}" if found else "—")
            if found and found["low"] is not None:
                assert f"{found['high']:.3f}" in text


def by_rows(page, view) -> list[dict]:
    """The groups in the order of the table's rows."""
    groups = {group["id"]: group for group in view["groups"]}
    rows = page.locator("#leaderboard tr[data-key]")
    return [groups[key] for key in rows.evaluate_all("all => all.map(row => row.dataset.key)")]


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
        for said in (group["made"]["command"], group["made"]["digest"], "c0ffeec0ffee (modified)",
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


def press(page, name, value):
    chips = page.locator("#filters").get_by_role("group", name=name)
    chips.get_by_role("button", name=value, exact=True).click()


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
        for measure in view["measures"]:
            there = [g for g in view["groups"] if g["agents"] == 3 and measure["id"] in g["numbers"]
                     and g["model_title"] == "tiny (172 k)"]
            if not there:
                continue
            page.locator("#compare-measure").select_option(measure["id"])
            expect(page.locator("#compare .row"), measure["id"]).to_have_count(len(there))
            marks = page.locator("#compare .row .dot, #compare .row .beyond").count()
            seeds = [v for g in there for v in g["numbers"][measure["id"]]["seeds"]]
            assert marks == sum(value is not None for value in seeds), measure["id"]
        press(page, "Agents", "all")
        expect(page.locator("#scaling .series")).to_have_count(3)
        assert page.locator("#scaling figure").count() == 1
        assert page.locator("#scaling .tick.middle").all_text_contents() == ["2", "3", "4"]
        assert page.locator("#scaling .dot").count() == 3 * (3 + 5 + 3)
        page.locator("#scaling-measure").select_option("bytes_exchanged")
        expect(page.locator("#scaling .series")).to_have_count(3)


def test_pairs_and_profiles(browser, built, view):
    with Opened(browser, built) as page:
        press(page, "Agents", "2")
        press(page, "Environment", "strategy")
        expect(page.locator("#more figure .series")).to_have_count(3)
        rows = page.locator("#more table.plain tbody tr").all_inner_texts()
        pairs = [p for p in view["pairs"] if "agents2" in p["setting"] and "strategy" in p["a"]]
        assert len(rows) == len(pairs) == 3
        better = pairs[0]["probability_of_improvement"]["value"]
        assert f"{better * 100:.3g}%" in rows[0]


# -- replays


def open_replay(page, view, ending):
    index = next(i for i, e in enumerate(view["replays"]) if e["id"].endswith(ending))
    page.locator("#replay-group").select_option(view["replays"][index]["group"])
    page.locator("#replay-episode").select_option(str(index))
    page.wait_for_selector("#says .card")
    return replay_in(view, ending)


def test_the_map_is_the_campaign_turn_by_turn(browser, built, view):
    with Opened(browser, built) as page:
        replay = open_replay(page, view, "agents3-cc/0/held-out-0")
        assert page.locator("#says pre").all_inner_texts() == [
            agent["instructions"] for agent in replay["agents"]
        ]
        for t, frame in enumerate(replay["frames"]):
            lanes = page.locator("#frame .lane")
            assert lanes.count() == len(frame["fronts"])
            for lane, front in zip(lanes.all(), frame["fronts"], strict=True):
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
        open_replay(page, view, "agents3-mc/0/held-out-2")
        assert page.locator("#frame").count() == 0
        page.locator("#last").click()
        assert "has left" in page.locator("#says .card").first.inner_text()
        assert "cut off" in page.locator("#turn-text").inner_text()


# -- what must not happen


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
        assert "torn<script>" in page.locator("#left-out").inner_text()
        assert "<img src=q onerror=" in page.locator("#leaderboard").inner_text()
        blocked = page.evaluate("""() => { const s = document.createElement('script');
            s.textContent = 'window.pwned = 10'; document.body.append(s); return window.pwned; }""")
        assert blocked is None
        (problem,) = opened.problems
        assert "Content Security Policy" in problem, "the policy lets no other script run"
        opened.problems.clear()


CONTROLS = """() => [...document.querySelectorAll('a[href]:not(.skip), button, select, summary, input')]
    .filter(e => e.checkVisibility() && !e.disabled)
    .map(e => { let path = []; for (let n = e; n !== document.body; n = n.parentElement)
        path.unshift(`${n.tagName}:nth-child(${[...n.parentElement.children].indexOf(n) + 1})`);
        return path.join(' > '); })"""
STATE = """() => [document.querySelector('header').outerHTML, document.querySelector('main').outerHTML,
    document.documentElement.dataset.theme, Math.round(scrollY), location.hash,
    ...[...document.querySelectorAll('select, input')].map(e => e.value)].join(' ')"""
LOOK = f"""where => {{
    const e = document.querySelector(where);
    if (!e || !e.checkVisibility() || e.disabled) return null;
    if (e.textContent === 'all' && e.getAttribute('aria-pressed') === 'true') return null;
    const values = [...e.options || []].map(o => o.value).filter(v => v !== e.value);
    if (e.tagName === 'SELECT' && !values.length) return null;
    scrollTo(0, 0);
    window.before = ({STATE})();
    return {{ kind: e.tagName, values, last: e.getAttribute('max') }};
}}"""
"""Whether a control is there and has something to do; remembers how the page is before."""
CHANGED = f"""() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
    () => done(window.before !== ({STATE})()))))"""
CLEAR = """() => document.querySelectorAll('[id^=filter-][id$=-all][aria-pressed=false]')
    .forEach(e => e.click())"""


def test_every_link_and_control_does_something_and_breaks_nothing(browser, built, view):
    with Opened(browser, built) as page:
        page.locator("#says .card").first.wait_for()
        page.locator("#leaderboard .action button").first.click()
        page.locator(".map-key").first.wait_for()
        controls = page.evaluate(CONTROLS)
        assert len(controls) > 60
        idle = []
        for where in controls:
            control = page.locator(f"body > {where}")
            found = page.evaluate(LOOK, f"body > {where}")
            if found is None:
                continue  # an earlier control took it away, as a filter does with rows
            use(control, **found)
            if not page.evaluate(CHANGED):
                idle.append((where, found))
            page.evaluate(CLEAR)
        assert not idle


def use(control, kind: str, values: list[str], last: str | None) -> None:
    """Do with a control what it is for."""
    if kind == "SELECT":
        control.select_option(values[-1])
    elif kind == "INPUT":
        control.fill(last)
    else:
        control.click()


# -- on a phone, in the dark, by keyboard, on paper


def text_contrast(page) -> list[tuple[str, float]]:
    """Every visible text whose contrast with what lies behind it is below 4.5 to 1."""
    return page.evaluate("""() => {
        const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const over = (top, under) => { const a = top[3] ?? 1;
            return [0, 1, 2].map(i => top[i] * a + under[i] * (1 - a)); };
        const behind = e => { const layers = [];
            for (let n = e; n; n = n.parentElement) layers.push(parse(getComputedStyle(n).backgroundColor));
            return layers.reverse().filter(l => l.length).reduce((under, l) => over(l, under), [255, 255, 255]); };
        const found = [];
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const e = walk.currentNode.parentElement;
            if (!walk.currentNode.textContent.trim() || !e.checkVisibility() || e.closest('script, style, .hidden, .skip')) continue;
            if (e.closest('.army, .ambush, .reserve, .garrison, button:disabled, option')) continue;
            const style = getComputedStyle(e), svg = e.namespaceURI.endsWith('svg');
            const ground = behind(e.closest('svg') || e);
            let opacity = 1; for (let n = e; n; n = n.parentElement) opacity *= Number(getComputedStyle(n).opacity);
            const ink = parse(svg ? style.fill : style.color);
            const seen = over([...ink.slice(0, 3), (ink[3] ?? 1) * opacity], ground);
            const [a, b] = [light(seen), light(ground)].sort((x, y) => y - x);
            const ratio = (a + 0.05) / (b + 0.05);
            if (ratio < 4.5) found.push([`${e.tagName}.${e.getAttribute('class')} ${walk.currentNode.textContent.slice(0, 30)}`, ratio]);
        }
        return found; }""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes(browser, built, view, scheme):
    with Opened(browser, built, scheme=scheme) as page:
        open_replay(page, view, "agents3-cc/0/iteration-00004")
        page.locator("#next").click()
        page.locator("#leaderboard .action button").first.click()
        assert text_contrast(page) == []
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
        outside = page.evaluate("""() => [...document.querySelectorAll('main *')].filter(e =>
            e.checkVisibility() && !e.closest('.scroll, pre, .hidden') &&
            e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))""")
        assert outside == []
        small = page.evaluate("""() => [...document.querySelectorAll('main button, main select')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 24)
            .map(e => e.outerHTML)""")
        assert small == [], "a finger needs 24 pixels"
        assert not page.locator("#leaderboard > thead").is_visible()
        page.locator("#leaderboard-sort").select_option("agents")
        agents = [group["agents"] for group in by_rows(page, view)]
        assert agents == sorted(agents)
        page.locator("#leaderboard-sort-turn").click()
        assert [group["agents"] for group in by_rows(page, view)] == sorted(agents, reverse=True)
        texts = page.locator("svg text").evaluate_all(
            "all => all.map(e => { const m = e.getScreenCTM(); "
            "return parseFloat(getComputedStyle(e).fontSize) * Math.hypot(m.a, m.b); })")
        assert min(texts) >= 11, "text in plots keeps its size"


def test_everything_has_a_name_and_the_keyboard_reaches_it(browser, built, view):
    with Opened(browser, built) as page:
        page.locator("#says .card").first.wait_for()
        nameless = page.evaluate("""() => [...document.querySelectorAll(
            'a, button, select, input, summary, [tabindex="0"], svg[role=img]')].filter(e => !(
            e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') ||
            e.textContent.trim() && e.tagName !== 'SELECT' || (e.labels && e.labels.length &&
            e.labels[0].textContent.trim()) || e.tagName === 'PRE')).map(e => e.outerHTML.slice(0, 90))""")
        assert nameless == []
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
        assert {"theme", "filter-env-all", "filter-model-0", "compare-measure", "curve-x",
                "curve-bands", "replay-group", "play", "turn", "speed"} <= seen


def test_paper_has_the_plots_and_no_controls(browser, built, view):
    with Opened(browser, built, scheme="dark") as page:
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("#curves figure").first.is_visible()
        for gone in ("#filters", "nav", "#theme", "#curves .controls"):
            assert not page.locator(gone).first.is_visible()
        assert text_contrast(page) == []


def test_a_report_of_one_old_run_has_a_page(browser, tmp_path):
    from made_runs import make_run

    make_run(tmp_path / "results", iterations=3)
    path = build_page(build_data(read(tmp_path / "results")), tmp_path)
    with Opened(browser, path) as page:
        assert "recorded no replays" in page.locator("#replays").inner_text()
        assert "several numbers of agents" in page.locator("#scaling").inner_text()
        assert "Nothing: every run folder" in page.locator("#left-out").inner_text()
