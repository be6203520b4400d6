"""MkDocs hook: links out of docs/ (``../results/...``) become plain text in the built site.

The pages link to files of the repository, which the site does not hold. With ``repo_url`` set in
mkdocs.yml they become links to it. A target that does not exist is a warning, and so an error of
``make docs``, which builds strictly.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[([^\]]+)\]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")
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

    return LINK.sub(replace, markdown)
