"""Which model judges fluency: the one that ships, none, or a causal language model by name.

The shipped one needs no torch. Models by name are run by :mod:`colllm_bench.models.perplexity`,
which is looked up by name when the first text is scored, so that environments never import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

from colllm_bench import registry
from colllm_bench.envs.writing.language import premises
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.story_generator import write
from colllm_bench.envs.writing.scoring import ngram_model
from colllm_bench.envs.writing.scoring.measures import ramp
from colllm_bench.errors import ConfigError

BUILT_IN = ("reference", "off")
PERPLEXITY = "colllm_bench.models.perplexity:load"
CALIBRATION_STORIES = 24
"""Stories of the expert that a model by name is calibrated on."""
LEAST_RIGHT = 0.9
"""Share of these sections that such a model must find likelier than the same words shuffled."""


def check(name: object) -> None:
    """Refuse what cannot judge.

    Raises:
        ConfigError: no text; or a model by name where torch is not installed.
    """
    if not isinstance(name, str) or not name:
        raise ConfigError(
            f"fluency={name!r}", allowed="reference, off, or the folder or hub id of a model"
        )
    if name not in BUILT_IN and not (find_spec("torch") and find_spec("transformers")):
        raise ConfigError(
            f"fluency={name!r} needs torch and transformers",
            fix="pip install -e '.[train]' in the checkout, or fluency=reference, or fluency=off",
        )


def scorer(name: str) -> Callable[[Sequence[tk.Text], frozenset[str]], list[float]] | None:
    """A function from (sections, names) to the fluency of each section; None for ``off``."""
    if name == "off":
        return None
    if name == "reference":
        model = ngram_model.load()
        return lambda texts, names: [model.fluency(t, names) for t in texts]
    return _by_name(name)


@cache
def _by_name(name: str) -> Callable[[Sequence[tk.Text], frozenset[str]], list[float]]:
    """A causal language model's judgement, calibrated once a process.

    1 at the expert's mean negative log-likelihood a word, 0 at that of the same texts shuffled;
    linear in between.
    """
    nll: Any = registry.load(PERPLEXITY, "fluency model")(name)
    good, bad = calibration_texts()
    of_good, of_bad = nll(good), nll(bad)
    right = sum(a < b for a, b in zip(of_good, of_bad)) / len(good)
    if right < LEAST_RIGHT:
        raise ConfigError(
            f"fluency={name!r} cannot tell the expert's sections from shuffled ones: it prefers "
            f"{right:.0%} of them",
            allowed=f"a model that prefers {LEAST_RIGHT:.0%}",
            fix="name a model of English, or fluency=reference",
        )
    one, zero = sum(of_good) / len(good), sum(of_bad) / len(bad)

    def fluency(texts: Sequence[tk.Text], names: frozenset[str]) -> list[float]:
        written = [k for k, t in enumerate(texts) if t.words]
        values = nll([" ".join(texts[k].tokens) for k in written]) if written else []
        scores = [0.0] * len(texts)
        for k, value in zip(written, values):
            scores[k] = ramp(value, zero, one)
        return scores

    return fluency


def calibration_texts() -> tuple[list[str], list[str]]:
    """The same sections of the expert, as written and with their words shuffled."""
    import random

    rng = random.Random(0)
    good, bad = [], []
    for _ in range(CALIBRATION_STORIES):
        premise = premises.draw(3, rng)
        for k in range(3):
            section = tk.read(write(premise, k, 30, rng))
            good.append(" ".join(section.tokens))
            bad.append(" ".join(ngram_model.shuffled(section, rng).tokens))
    return good, bad
