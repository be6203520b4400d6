"""The replay viewer of the leaderboard's page, operated by a test."""

from __future__ import annotations

import base64
import gzip
import json


def open_replay(page, view, ending: str) -> dict:
    """Choose a replay by the end of its id; what it holds."""
    index, entry = next(
        (i, entry) for i, entry in enumerate(view["replays"]) if entry["id"].endswith(ending)
    )
    page.locator("#replay-group").select_option(entry["group"])
    page.locator("#replay-episode").select_option(str(index))
    page.locator("#says .card").first.wait_for()
    return json.loads(gzip.decompress(base64.b64decode(entry["gz"])))
