"""The page: one ``index.html`` that needs no network, from the report's data alone.

:func:`build_page` puts the report's data, the stylesheets and the scripts of ``assets/`` into one
file that opens from a disk. :mod:`~colllm_bench.leaderboard.page.payload` makes the JSON that the
scripts read, and :mod:`~colllm_bench.leaderboard.page.replays` chooses the recorded episodes.

May import ``metrics``, ``palette`` and ``report_data`` of the leaderboard, never ``plots``.

Text that models wrote is untrusted. It enters the page inside a JSON data block without any
``<``, and the scripts show it through text nodes only. The content security policy allows only the
page's own scripts, by their hashes, and forbids loading anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from colllm_bench.leaderboard.page.payload import page_view
from colllm_bench.runs import files

SCRIPTS = (
    "dom.js", "format.js", "state.js", "axes.js", "line_chart.js", "dot_plot.js", "table.js",
    "leaderboard.js", "suite.js", "curves.js", "compare.js", "distributions.js",
    "strategy_frame.js", "replay_frames.js", "replay_turns.js", "replay.js", "main.js",
)
"""In the order in which they are run; they share one scope."""
STYLES = ("base.css", "plots.css", "replay.css", "media.css")
"""In order: later rules override earlier ones."""


def build_page(data: dict[str, Any], out: str | Path) -> Path:
    """Write ``out/index.html``.

    Args:
        data: see :func:`colllm_bench.leaderboard.data.build_data`.
        out: a folder that exists.

    Returns:
        The page. The same data gives the same bytes.

    Raises:
        ConfigError, RunError: the file cannot be written.
    """
    path = Path(out) / "index.html"
    files.write_text(path, assemble(page_view(data)))
    return path


def assemble(view: dict[str, Any]) -> str:
    """The page's HTML around ``view`` (see :func:`payload.page_view`)."""
    css = "\n".join(asset(name) for name in STYLES)
    parts = "\n".join(asset(name) for name in SCRIPTS)
    js = f'(() => {{\n"use strict";\n{parts}}})();\n'
    for name, text in (("css", css), ("js", js)):
        if "</" in text or "<!--" in text:
            raise AssertionError(f"the page's {name} has text that would end its block early")
    policy = (
        f"default-src 'none'; script-src {_hash(js)}; style-src {_hash(css)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = asset("index.html")
    for name, text in (("csp", policy), ("css", css), ("js", js), ("data", embedded(view))):
        head, mark, tail = page.partition("{{" + name + "}}")
        if not mark:
            raise AssertionError(f"index.html has no place for {name}")
        page = head + text + tail
    return page


def embedded(view: Any) -> str:
    """JSON that can stand inside a script element: no ``<`` (nor what old parsers break at)."""
    text = json.dumps(files.plain(view), ensure_ascii=False, separators=(",", ":"))
    text = text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates are no UTF-8
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def asset(name: str) -> str:
    return resources(__name__).joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
