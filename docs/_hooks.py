"""MkDocs hooks: links out of docs/, and the table of settings.

Pages link to files of the repository (``../results/...``), which the site does not hold: such
links become plain text, or links to ``repo_url`` where mkdocs.yml has one. A target that does not
exist is a warning, and so an error of ``make docs``, which builds strictly. ``SETTINGS`` in a
page becomes a table of all settings of a run, from ``RunConfig`` itself. Roles of docstrings
(``:class:`` before a name) are left out.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[([^\]]+)\]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")
SETTINGS = "<!-- table of settings -->"
ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):(?=<code>)")
log = logging.getLogger("mkdocs.hooks.links")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page's text with its links out of docs/ replaced."""

    def replace(link: re.Match[str]) -> str:
        text, target = link[1], link[2]
        if not (ROOT / target).exists():
            log.warning("%s links to %s, which does not exist", page.file.src_path, target)
        if config.repo_url:
            return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{target})"
        return text if target.strip("/") in text else f"{text} (`{target}`)"

    if SETTINGS in markdown:
        markdown = markdown.replace(SETTINGS, settings())
    return LINK.sub(replace, markdown)


def on_page_content(html: str, *, page: Any, config: Any, files: Any) -> str:
    """The page's HTML without the roles of docstrings."""
    return ROLE.sub("", html)


def settings() -> str:
    """A Markdown table of every field of ``RunConfig``: default, what is allowed, help."""
    from colllm_bench.config import RunConfig
    from colllm_bench.options import options_of

    defaults = {field.name: field.default for field in dataclasses.fields(RunConfig)}
    lines = ["| setting | default | allowed | what it is |", "|---|---|---|---|"]
    for name, about in options_of(RunConfig).items():
        default = defaults[name]
        shown = "" if default in (None, dataclasses.MISSING) else f"`{default}`"
        lines.append(f"| `{name}` | {shown} | {about.allowed} | {about.help} |")
    return "\n".join(lines)
