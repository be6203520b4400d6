"""The report's pictures: what is drawn of what is there, and that nothing runs out of them."""

from __future__ import annotations

import pytest
from made_runs import make_run

from colllm_bench.leaderboard.data.collection import read
from colllm_bench.leaderboard.plots import render, setting_figures, style
from colllm_bench.leaderboard.plots.cross_play import matrix_figure
from colllm_bench.leaderboard.report_data import build_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eleven methods, one with a long name, one alone, one that gets nowhere."""
    root = tmp_path_factory.mktemp("results")
    for k in range(8):
        for seed in range(2):
            make_run(root, "strategy", "cc", f"lr0.00{k + 1}", seed, iterations=12, final=0.5)
    for seed in range(3):
        make_run(root, "strategy", "mc", seed=seed, iterations=12, rise=9.0, final=0.8)
        make_run(root, "strategy", "an_algorithm_of_a_very_long_name", "and-a-run-likewise", seed,
                 iterations=12, final=0.9)
    make_run(root, "strategy", "dc", iterations=12, final=0.7)
    return build_data(read(root))


@pytest.fixture(scope="module")
def pictures(data):
    return dict(render.figures(data))


def texts(figure):
    import matplotlib.text

    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def test_only_so_many_methods_fit_and_the_title_says_so(data, pictures):
    groups = {group["id"]: group for group in data["groups"]}
    best = setting_figures.shown(list(groups.values()))
    assert len(best) == setting_figures.MOST
    finals = {group["method"]: group["metrics"]["score_mean"]["value"] for group in best}
    assert {"mc", "dc"} < set(finals) and min(finals.values()) == 0.5
    for figure in pictures.values():
        assert any("(the best 8 of 11 methods)" in text for text in texts(figure))


def test_nothing_runs_out_of_a_picture(pictures):
    for name, figure in pictures.items():
        figure.canvas.draw()
        renderer, box = figure.canvas.get_renderer(), figure.bbox
        axes = [axis for axis in figure.axes if axis.get_visible()]
        ticks = [label for axis in axes for label in axis.get_yticklabels()]
        names = [label for axis in axes for label in (axis.xaxis.label, axis.yaxis.label)]
        for part in [*figure.legends, figure._suptitle, *names, *ticks]:
            extent = part.get_window_extent(renderer)
            assert extent.x0 >= box.x0 - 1 and extent.x1 <= box.x1 + 1, (name, part)
            if part not in ticks:  # there are ticks beyond the axis, which are not drawn
                assert extent.y0 >= box.y0 - 1 and extent.y1 <= box.y1 + 1, (name, part)


def test_bands_of_scores_are_cut_where_lines_end(data, pictures):
    """Two runs have a very wide band: the axis shows the lines and the range of 0 to 1."""
    for axis in pictures["strategy-agents3-curves"].axes:
        seeds = [y for group in data["groups"]
                 for line in group["curves"]["measures"]["score"]["seeds"] for y in line]
        low, high = axis.get_ylim()
        assert low == pytest.approx(min(0.0, *seeds), abs=0.05)
        assert high == pytest.approx(max(1.0, *seeds), abs=0.05)


def test_every_seed_is_a_mark(data, pictures):
    axis = pictures["strategy-agents3-finals"].axes[0]
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "none"]
    marks = sum(len(line.get_xdata()) for line in hollow)
    shown = setting_figures.shown(data["groups"])
    assert marks == sum(len(group["seeds"]) for group in shown)


def test_a_censored_run_is_an_arrow_at_the_budget(data, pictures):
    """No run of mc reaches 0.8 when smoothed: arrows to the right, at 12 x 64 episodes."""
    axes = pictures["strategy-agents3-samples"].axes
    assert [axis.get_xlabel() for axis in axes] == [
        "training episodes to score 0.5", "training episodes to score 0.8"
    ]
    mc = next(group for group in data["groups"] if group["method"] == "mc")
    assert mc["metrics"]["episodes_to_0.8"]["reached"] == [False] * 3
    row = [label.get_text() for label in axes[0].get_yticklabels()].index("mc (n=3)")
    drawn = [line for line in axes[1].lines if abs(line.get_ydata()[0] - row) < 0.3
             and line.get_marker() != "None"]
    assert {line.get_marker() for line in drawn} == {">"}, "the seeds, and the bound of their mean"
    assert [x for line in drawn for x in line.get_xdata()] == pytest.approx([768.0] * 4)
    markers = {line.get_marker() for axis in axes for line in axis.lines} - {"None", ">"}
    assert markers, "others got there"


def test_no_two_methods_look_alike():
    looks = style.styles([f"method {k}" for k in range(32)])
    lines = [(look["color"], str(look["linestyle"])) for look in looks.values()]
    assert len(set(lines)) == len(lines) == 36
    assert style.styles(["cc"])["cc"] == style.styles(["zz", "cc", "aa"])["cc"]


def test_short_numbers_and_labels():
    assert [style.short(x) for x in (0, 0.5, 999, 1500, 2e6)] == ["0", "0.5", "999", "1.5k", "2M"]
    assert style.brief("cc lr0.003") == "cc lr0.003"
    assert len(style.brief("x" * 80)) == 30 and style.brief("a" * 40 + "b").endswith("b")


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_formats(tmp_path, pictures, kind):
    figure = pictures["strategy-agents3-finals"]
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[kind]
    path = style.save(figure, tmp_path / f"a.{kind}")
    assert path.read_bytes().startswith(start)


# -- cross-play


@pytest.mark.parametrize("label", ["cc", "results/strategy/a-long-name-of-a-run/agents4/seed10"])
def test_no_text_of_a_cross_play_matrix_reaches_into_another_cell(label):
    """Wide intervals around small means, and labels that would narrow the cells."""
    teams = {f"{label} {k}": {} for k in range(4)}
    cell = {"score": {"mean": 0.01, "low": -1.2, "high": 1.22, "n": 3}}
    figure = matrix_figure({
        "teams": teams, "matrix": [[cell] * 4] * 4, "value": "score", "agents": 2, "row_seats": 1,
        "env": "strategy", "episodes": 3, "self_play": 0.0, "cross_play": 0.0, "gap": 0.0,
    })
    figure.canvas.draw()
    axis, renderer = figure.axes[0], figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axis.texts]
    assert len(boxes) == 2 * 16
    width = axis.get_window_extent(renderer).width / 4
    assert max(box.width for box in boxes) < 0.9 * width
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert not any("-" in text.get_text() for text in axis.texts), "no interval below 0"
