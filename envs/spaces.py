"""The text space: what agents of a text environment read and write.

``gymnasium.spaces.Text`` rejects spaces by default, and accents, dashes and emoji even with
``string.printable``; with a charset of all Unicode it takes seconds to build and tens of
milliseconds a sample. :class:`TextSpace` asks only what matters of a language model's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gymnasium import spaces

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class TextSpace(spaces.Text):
    """All strings of at most ``max_length`` characters that can be encoded as UTF-8.

    Args:
        max_length: most characters (code points) of a member; the empty string is one.
        examples: texts that :meth:`sample` gives half of the time, the other half being
            short nonsense. Without examples it is always nonsense.
        seed: seed of :meth:`sample`.
    """

    def __init__(self, max_length: int, *, examples: Sequence[str] = (), seed: int | None = None):
        self.examples = tuple(examples)
        super().__init__(max_length, min_length=0, charset=_LETTERS + " ", seed=seed)

    def contains(self, x: Any) -> bool:
        """True for a ``str`` that is short enough and holds no lone surrogates."""
        if not isinstance(x, str) or len(x) > self.max_length:
            return False
        return x.isascii() or not any("\ud800" <= char <= "\udfff" for char in x)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A short text from the space's own generator; masks are not supported."""
        if mask is not None or probability is not None:
            raise ValueError("TextSpace.sample takes no mask and no probability")
        rng = self.np_random
        if self.examples and rng.random() < 0.5:
            return self.examples[int(rng.integers(len(self.examples)))]
        length = int(rng.integers(0, min(12, self.max_length) + 1))
        return "".join(_LETTERS[i] for i in rng.integers(0, len(_LETTERS), size=length))

    def __repr__(self) -> str:
        return f"TextSpace(max_length={self.max_length})"

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, TextSpace)
            and self.max_length == other.max_length
            and self.examples == other.examples
        )

    __hash__ = None  # as every other gymnasium space: mutable, compared by value
