"""The reference model of fluency: a frozen 4-gram language model over word classes.

    python -m colllm_bench.envs.writing.scoring.ngram_model          makes reference.json.gz again

Function words, punctuation and sentence starts stand for themselves; every other word is
replaced by its class (a past form, an adverb in -ly, a plural, a name, ...). So the model knows how
English sentences are built and nothing of what a story is about: it is as fair to a large model's
vocabulary as to that of the scripted expert, and no policy can please it with favourite words.

Two corpora, half the weight each: :data:`PROSE`, short passages written for this project, and
texts of the scripted expert. Class n-grams: P. F. Brown et al., Class-based n-gram models of
natural language, Computational Linguistics 18(4), 1992. Smoothing: interpolated Kneser-Ney with one
discount (R. Kneser, H. Ney, Improved backing-off for m-gram language modeling, ICASSP 1995).

The file is part of the version: retraining a policy, or editing the grammar, does not change it.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path

from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.story_generator import stories
from colllm_bench.envs.writing.language.words import IRREGULAR, STOPWORDS, TONES
from colllm_bench.envs.writing.scoring.measures import ramp

FILE = Path(__file__).with_name("reference.json.gz")
PROSE = Path(__file__).with_name("prose.txt")
ORDER = 4
DISCOUNT = 0.75
STORIES = 400
"""Stories of the expert that the file is made from."""

START = "<s>"
_ADJECTIVES = frozenset(
    "old new big small little long short great good bad high low young early late black white red "
    "blue green yellow grey brown pale warm hot cool wet dry hard heavy thin thick wide narrow "
    "deep empty full rich poor clean dirty strong weak sweet sour sharp round flat fast ready sure "
    "true false dead alive whole broken rusty wooden stone iron silver tired hungry angry afraid "
    "sad kind clever strange stranger safe worst best older younger eldest youngest".split()
) | {word for row in TONES.values() for word in row}
_ENDINGS = (
    ("ing", 5, "<ing>"), ("ly", 5, "<ly>"), ("ed", 5, "<past>"), ("ful", 5, "<adj>"),
    ("ous", 5, "<adj>"), ("less", 6, "<adj>"), ("able", 6, "<adj>"), ("ish", 6, "<adj>"),
    ("est", 6, "<adj>"),
)  # fmt: skip


def classify(token: str, names: frozenset[str]) -> str:
    """The class of a token: the word itself if it is a function word, else what it looks like."""
    word = token.lower()
    if word in STOPWORDS:
        return word
    if not word[0].isalnum():
        return word if word in ".,!?;:" else "<quote>" if word in tk.QUOTES else "<mark>"
    if word.removesuffix("'s") in names:
        return "<name>" if word in names else "<name's>"
    if not word.isascii() or len(word) > 18:
        return "<odd>"
    if word.isdigit():
        return "<number>"
    if word in IRREGULAR:
        return "<past>"
    if word in _ADJECTIVES:
        return "<adj>"
    if word.endswith("'s"):
        return "<x's>"
    for ending, length, name in _ENDINGS:
        if len(word) >= length and word.endswith(ending):
            return name
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "su":
        return "<xs>"
    return "<x>"


def sentences(text: tk.Text, names: frozenset[str]) -> list[list[str]]:
    """Class sequences of a text's sentences; what comes after the last full stop is one too."""
    rows: list[list[str]] = [[]]
    for token in text.tokens:
        rows[-1].append(classify(token, names))
        if token in tk.ENDS:
            rows.append([])
    return [row for row in rows if row]


class Ngrams:
    """An interpolated Kneser-Ney model of order :data:`ORDER`.

    Args:
        counts: occurrences of the 4-grams, each ``"a b c d"``, padded with ``<s>`` in front.
    """

    def __init__(self, counts: dict[str, int]):
        level = {tuple(key.split(" ")): n for key, n in counts.items()}
        self.unigrams: Counter[str] = Counter()
        for gram, n in level.items():
            self.unigrams[gram[-1]] += n
        self.total = sum(self.unigrams.values())
        self.levels: list[tuple[dict, dict, dict]] = []
        for _ in range(ORDER - 1):
            sums: dict[tuple, int] = defaultdict(int)
            kinds: dict[tuple, int] = defaultdict(int)
            lower: dict[tuple, int] = defaultdict(int)
            for gram, n in level.items():
                sums[gram[:-1]] += n
                kinds[gram[:-1]] += 1
                lower[gram[1:]] += 1  # in how many contexts: Kneser and Ney's continuation count
            self.levels.append((level, dict(sums), dict(kinds)))
            level = dict(lower)

    def unigram(self, token: str) -> float:
        """Probability without context; one count is kept for what was never seen."""
        return (self.unigrams.get(token, 0) + 0.5) / (self.total + 0.5 * len(self.unigrams) + 0.5)

    def probability(self, gram: tuple[str, ...]) -> float:
        """P(last | the three before it)."""
        p = self.unigram(gram[-1])
        for k in range(ORDER - 2, -1, -1):
            counts, sums, kinds = self.levels[k]
            suffix = gram[k:]
            total = sums.get(suffix[:-1])
            if total:
                own = max(counts.get(suffix, 0) - DISCOUNT, 0.0)
                p = (own + DISCOUNT * kinds[suffix[:-1]] * p) / total
        return p


class Reference:
    """Scores texts against the frozen model; see :meth:`acceptability`."""

    def __init__(self, models: Sequence[Ngrams], low: float, high: float):
        self.models, self.low, self.high = models, low, high
        # Sentences share most of their 4-grams of classes: remembered, a section costs a third.
        self._ratio = lru_cache(1 << 16)(self._log_ratio)

    def acceptability(self, text: tk.Text, names: frozenset[str]) -> float:
        """SLOR: mean over tokens of log P(token | context) - log P(token), in nats.

        What is left of the (negative log) perplexity when it is taken relative to that of the
        same words without their order, so that rare words cost nothing in themselves
        (A. Pauls, D. Klein, Large-scale syntactic language modeling with treelets, ACL 2012;
        J. H. Lau, A. Clark, S. Lappin, Grammaticality, acceptability, and probability,
        Cognitive Science 41(5), 2017).
        """
        rows = sentences(text, names)
        count = sum(map(len, rows))
        return sum(self._slor(row) * len(row) for row in rows) / count if count else 0.0

    def _slor(self, row: list[str]) -> float:
        padded, total = [START] * (ORDER - 1) + row, 0.0
        for i in range(ORDER - 1, len(padded)):
            total += self._ratio(tuple(padded[i - ORDER + 1 : i + 1]))
        return total / len(row)

    def _log_ratio(self, gram: tuple[str, ...]) -> float:
        p = sum(model.probability(gram) for model in self.models)
        q = sum(model.unigram(gram[-1]) for model in self.models)
        return math.log(p / q)

    def fluency(self, text: tk.Text, names: frozenset[str]) -> float:
        """0 for shuffled words, 1 for ordinary prose, linear in between; the mean over sentences,
        weighted by their tokens, so that a very smooth one cannot make up for a broken one."""
        rows = sentences(text, names)
        count = sum(map(len, rows))
        worth = (ramp(self._slor(row), self.low, self.high) * len(row) for row in rows)
        return sum(worth) / count if count else 0.0


@cache
def load() -> Reference:
    """The frozen model that ships; read once a process."""
    data = json.loads(gzip.decompress(FILE.read_bytes()))
    return Reference([Ngrams(counts) for counts in data["counts"]], data["low"], data["high"])


# -- making the file


def count(texts: Iterable[tk.Text]) -> dict[str, int]:
    """4-grams of classes."""
    counts: Counter[str] = Counter()
    for text in texts:
        names = tk.find_names([text])
        for row in sentences(text, names):
            padded = [START] * (ORDER - 1) + row
            for i in range(len(row)):
                counts[" ".join(padded[i : i + ORDER])] += 1
    return dict(counts)


def shuffled(text: tk.Text, rng: random.Random) -> tk.Text:
    """The same words in another order, full stops where they were."""
    words = [token for token in text.tokens if token not in tk.ENDS]
    rng.shuffle(words)
    given = iter(words)
    return tk.read(" ".join(t if t in tk.ENDS else next(given) for t in text.tokens))


def quantile(values: Iterable[float], share: float) -> float:
    values = sorted(values)
    return values[int(share * (len(values) - 1))]


def make(path: Path = FILE) -> Reference:
    """Count, calibrate and write the file; equal inputs give equal bytes.

    The scale: 0 lies at the 90th percentile of prose whose words were shuffled, 1 at the 20th
    percentile of prose that the model has not seen (each tenth of the passages scored by
    a model of the other nine).
    """
    prose = [tk.read(passage) for passage in PROSE.read_text("utf-8").split("\n\n")]
    expert = [tk.read(story) for story in stories(random.Random(0), STORIES)]
    written = count(expert)
    rng = random.Random(1)
    seen, mixed = [], []
    for k in range(10):
        rest = [passage for i, passage in enumerate(prose) if i % 10 != k]
        model = Reference([Ngrams(written), Ngrams(count(rest))], 0.0, 1.0)
        for passage in prose[k::10]:
            names = tk.find_names([passage])
            seen.append(model.acceptability(passage, names))
            mixed.append(model.acceptability(shuffled(passage, rng), names))
    data = {
        "low": round(quantile(mixed, 0.9), 4), "high": round(quantile(seen, 0.2), 4),
        "counts": [dict(sorted(written.items())), dict(sorted(count(prose).items()))],
    }  # fmt: skip
    path.write_bytes(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), mtime=0))
    load.cache_clear()
    return load()


if __name__ == "__main__":
    made = make()
    print(f"{FILE.name}: 0 at {made.low:.3f}, 1 at {made.high:.3f} nats a token")
