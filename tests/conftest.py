"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import signal

# A shell that starts us in the background lets us ignore Ctrl-C, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest  # noqa: E402
from random_models import make_config, make_model, make_tokenizer  # noqa: E402


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, tokenizer):
    """``model_folder("Llama", sliding_window=8)`` -> the folder of such a model, made once."""
    made: dict[tuple, str] = {}

    def folder(architecture: str = "Llama", **changes) -> str:
        key = (architecture, *sorted(changes.items(), key=str))
        if str(key) not in made:
            path = tmp_path_factory.mktemp(architecture.lower())
            make_model(make_config(architecture, **changes)).save_pretrained(path)
            tokenizer.save_pretrained(path)
            made[str(key)] = str(path)
        return made[str(key)]

    return folder


@pytest.fixture
def results_here(tmp_path, monkeypatch):
    """Commands start in a folder of the test's own, where ``results/`` then lies."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def generator():
    import torch

    return torch.Generator().manual_seed(7)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. Not for the whole session: its loop would be in the way of others'."""
    from browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The page of :func:`page_runs.make_results`."""
    from page_runs import make_results

    from colllm_bench.leaderboard.data.collection import read
    from colllm_bench.leaderboard.page import build_page
    from colllm_bench.leaderboard.report_data import build_data

    where = tmp_path_factory.mktemp("site")
    return build_page(build_data(read(make_results(where / "results"))), where)


@pytest.fixture(scope="module")
def view(built):
    """What the page's scripts read."""
    from page_runs import view_of

    return view_of(built.read_text())
