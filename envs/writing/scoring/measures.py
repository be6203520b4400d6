"""Measures of a text, each from its paper: pure functions of words, each between 0 and 1
unless it says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.words import MARKER


def ramp(value: float, zero: float, one: float) -> float:
    """0 at ``zero`` and beyond, 1 at ``one`` and beyond, linear between."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))


def length(count: int, wanted: int) -> float:
    """1 from 0.6 to 1.4 times the wanted number of words; 0 below 0.2 and above 2.5 times."""
    ratio = count / wanted
    return min(ramp(ratio, 0.2, 0.6), ramp(ratio, 2.5, 1.4))


def balance(counts: Sequence[int]) -> list[float]:
    """For each section, min(l / m, m / l) with l its words and m the mean of the sections."""
    mean = sum(counts) / len(counts)
    return [min(c / mean, mean / c) if c else 0.0 for c in counts]


def mtld(words: Sequence[str], threshold: float = 0.72) -> float:
    """Measure of textual lexical diversity, in words: the mean length of runs whose type-token
    ratio stays above the threshold, forwards and backwards (P. M. McCarthy, S. Jarvis, MTLD,
    vocd-D, and HD-D, Behavior Research Methods 42(2), 2010).
    """
    if not words:
        return 0.0
    return (_runs(words, threshold) + _runs(words[::-1], threshold)) / 2


def _runs(words: Sequence[str], threshold: float) -> float:
    factors, seen, count = 0.0, set(), 0
    ratio = 1.0
    for word in words:
        count += 1
        seen.add(word)
        ratio = len(seen) / count
        if ratio <= threshold:
            factors += 1.0
            seen, count, ratio = set(), 0, 1.0
    factors += (1.0 - ratio) / (1.0 - threshold)
    return len(words) / factors if factors else float(len(words))


def diversity(words: Sequence[str], wanted: float = 45.0) -> float:
    """MTLD as a share of ``wanted`` words, at most 1."""
    return min(1.0, mtld(words) / wanted)


def distinct(words: tuple[str, ...], n: int) -> float:
    """distinct-n: different n-grams among all n-grams (J. Li et al., A diversity-promoting
    objective function for neural conversation models, NAACL 2016); 1 for texts without any."""
    grams = tk.ngrams(words, n)
    return len(set(grams)) / len(grams) if grams else 1.0


def repetition(words: tuple[str, ...]) -> float:
    """1 where distinct-3 is at least 0.95, 0 where it is at most 0.6; the same for distinct-1
    from 0.6 down to 0.25, for texts that turn a few words around; the lower of both."""
    return min(ramp(distinct(words, 3), 0.6, 0.95), ramp(distinct(words, 1), 0.25, 0.6))


def copying(words: tuple[str, ...], others: set[tuple[str, ...]], n: int = 4) -> float:
    """1 where at most a tenth of the n-grams occur in ``others``, 0 where half of them do."""
    grams = tk.ngrams(words, n)
    if not grams:
        return 1.0
    return ramp(sum(gram in others for gram in grams) / len(grams), 0.5, 0.1)


def overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """Shared content stems over those of the smaller set: how far neighbours speak of the same
    (argument overlap of Coh-Metrix: A. C. Graesser et al., Behavior Research Methods 36(2), 2004).
    """
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def cohesion(contents: Sequence[frozenset[str]], cap: float = 0.15) -> list[float]:
    """For each section, the mean over its neighbours of min(overlap, cap) / cap."""
    joints = [min(overlap(a, b), cap) / cap for a, b in zip(contents, contents[1:])]
    return [
        sum(joints[max(0, i - 1) : i + 1]) / len(joints[max(0, i - 1) : i + 1])
        for i in range(len(contents))
    ]


def jaccard(a: frozenset[str] | set[str], b: frozenset[str] | set[str]) -> float:
    """Shared over all; 0 for two empty sets."""
    return len(a & b) / len(a | b) if a or b else 0.0


def transitions(texts: Sequence[tk.Text]) -> list[float]:
    """For each section but the first (which gets 1): does its first sentence link to the others?

    1 for a discourse marker within its first five words, 0.6 for one later in the sentence, 0
    for none; half if an earlier section opened with the same one; less where markers make up
    more than 15% of the section's words, down to nothing at 40%.
    """
    scores, used = [], set()
    for i, text in enumerate(texts):
        marker, place = _first_marker(text)
        if i == 0:
            score = 1.0
        else:
            score = 0.0 if marker is None else 1.0 if place < 5 else 0.6
            if marker in used:
                score /= 2
        used.add(marker)
        found = MARKER.findall(" ".join(text.words))
        share = sum(m.count(" ") + 1 for m in found) / max(1, len(text.words))
        scores.append(score * ramp(share, 0.4, 0.15))
    return scores


def _first_marker(text: tk.Text) -> tuple[str | None, int]:
    """The first marker of the first sentence, and how many words stand before it."""
    end = next((i for i, token in enumerate(text.tokens) if token in tk.ENDS), len(text.tokens))
    sentence = " ".join(t.lower() for t in text.tokens[:end] if t[0].isalnum())
    match = MARKER.search(sentence)
    return (match.group(), sentence[: match.start()].count(" ")) if match else (None, 0)
