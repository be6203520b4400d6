"""What premises are made of: two sets of lists.

``narrow`` is what ``writing_v0`` began with: some 350 names and 430 places to train on. Teams learn
some of them by heart, so that their scores in training are higher than on held-out premises.
``wide`` has several times as many of each, so that what is learned must be copying. It contains
``narrow``, and every text has the same split in both.
"""

from __future__ import annotations

from dataclasses import dataclass

from colllm_bench.envs.writing.language import words


@dataclass(frozen=True)
class Lists:
    """Parts that names, places and conflicts are put together from, each with each."""

    stems: tuple[str, ...]
    she_ends: tuple[str, ...]
    he_ends: tuple[str, ...]
    place_stems: tuple[str, ...]
    place_ends: tuple[str, ...]
    villains: tuple[str, ...]
    deeds: tuple[str, ...]


NARROW = Lists(
    words.STEMS, words.SHE_ENDS, words.HE_ENDS, words.PLACE_STEMS, words.PLACE_ENDS,
    words.VILLAINS, words.DEEDS,
)


def _more(first: tuple[str, ...], further: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *further.split()]))


WIDE = Lists(
    stems=_more(
        words.STEMS, "He Mo So Ca Fa Ha In Ja La Ma Na Pa Ra Va Wa Bo Co Do Fo Go Ho Ko Lo Po Vo "
        "Wi Bi Di Fi Gi Hi Ki Li Ni Pi Si Ti De Ge Ke Me Re Se Te Ve",
    ),
    she_ends=_more(words.SHE_ENDS, "rina tia dia mia mira sia ria"),
    he_ends=_more(words.HE_ENDS, "kel vel son ton lin rin dor vin"),
    place_stems=_more(
        words.PLACE_STEMS, "Alder Bell Bright Burn Dark Glen Green Hall High Horn King Lake Lin "
        "Mar Nor Old Red River Rose Sand Star Toll West Winter Wren",
    ),
    place_ends=_more(words.PLACE_ENDS, "land wold wood den fell ham lock ley side ridge"),
    villains=_more(
        words.VILLAINS, "knight king miller hunter rider raven rat bear badger weasel tailor "
        "wizard dragon sailor captain",
    ),
    deeds=_more(words.DEEDS, "pinched lifted nabbed captured"),
)
"""More of each, in two to four tokens of the built-in model, so that a section keeps its length.
Written for this project."""

LISTS = {"narrow": NARROW, "wide": WIDE}
