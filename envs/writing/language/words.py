"""Word lists: what premises are made of, and what the measures of a text look for.

Everything here was written for this project. The lists decide scores, so they belong to the
version: other lists are another ``writing_v``.
"""

from __future__ import annotations

import re

# -- what premises are made of

STEMS = tuple(
    "Mi To Ka Le Ro Sa Da Ne Vi Jo Ba Fe Ga Hu Lu Pe Ri Su Ta We No Al El Or".split()
)
SHE_ENDS = tuple("ra la na sa nia lia dra lise tta".split())
HE_ENDS = tuple("ren bin mas rik vor len dan gan mar".split())
PLACE_STEMS = tuple(
    "Kel Ash Marl Fern Wind Thorn Elm Frost Oak Stone Mill Gold Hart Raven Salt Dun Win Lang "
    "Moss Birch Clay Hazel Lark Otter Pine Reed Swan Amber Cedar Iron Copper Heather".split()
)
PLACE_ENDS = tuple(
    "ford wick ton dale mere haven bury field bridge gate stead port well cliff hill moor".split()
)
OBJECTS = tuple(
    "lantern bell key map clock drum ring book flute crown kite coin compass locket statue sword "
    "harp cup shield banner mask".split()
)
VILLAINS = tuple(
    "thief crow merchant wolf witch fox giant stranger pirate ghost goat bandit".split()
)
DEEDS = tuple("stole hid buried took grabbed seized snatched claimed".split())
REQUIRED = tuple(
    "rope candle ladder basket boat window blanket stone feather shovel bucket wagon door wheel "
    "coat barrel hammer needle kettle mirror spoon boot hat nail sack table chair bottle button "
    "drawer jar knife".split()
)
TONES = {
    "calm": "quiet gentle soft peaceful still silent",
    "merry": "merry bright happy cheerful golden jolly",
    "dark": "dark cold grim gloomy bitter lonely",
    "brave": "brave bold proud daring mighty fearless",
}
TONES = {tone: tuple(words.split()) for tone, words in TONES.items()}
"""Adjectives of each tone, as the scripted teams use them."""

TONE_WORDS = {
    "calm": "calm quiet gentle soft peaceful still silent slow softly quietly gently slowly rest "
    "peace silence hush whisper murmur drift breeze warm mild tender serene tranquil easy sigh",
    "merry": "merry bright happy cheerful golden jolly laugh laughter smile grin joy joyful glad "
    "cheer dance song sing play giggle sunny delight feast happily brightly gaily wink fun",
    "dark": "dark cold grim gloomy bitter lonely shadow fear afraid black night death dread gloom "
    "storm pale bleak hollow grave silent tremble darkness coldly scream blood fog ruin",
    "brave": "brave bold proud daring mighty fearless courage strong steady bravely boldly dare "
    "stood fierce hero heart valiant firm firmly fight fought unafraid resolve iron march",
}
TONE_WORDS = {tone: frozenset(words.split()) for tone, words in TONE_WORDS.items()}
"""What counts as a word of a tone; texts of other authors use other words than the script."""

# -- function words

ARTICLES = "a an the"
PRONOUNS = (
    "i you he she it we they me him her us them my your his its our their mine yours hers ours "
    "theirs myself yourself himself herself itself ourselves themselves who whom whose which that "
    "this these those someone somebody anyone anybody everyone everybody nobody nothing "
    "something anything everything one ones each other another"
)
PREPOSITIONS = (
    "of in to for with on at by from up about into over after under between out through during "
    "before without against among along across behind beyond near beside beneath above below "
    "around toward towards upon off down inside outside past until since within onto like"
)
CONJUNCTIONS = "and or but nor yet so because although though while if unless when where as than"
AUXILIARIES = (
    "am is are was were be been being have has had having do does did doing will would shall "
    "should can could may might must ought cannot not no never don't didn't couldn't wouldn't "
    "wasn't weren't isn't hadn't can't won't"
)
ADVERBS = (
    "then there here now just only also too very more most much many few some any all both every "
    "such own same again once ever always often still even almost already back away home how why "
    "what soon later last first next well far long together alone enough quite rather instead "
    "perhaps maybe however meanwhile finally suddenly therefore thus moreover"
)
STOPWORDS = frozenset(
    " ".join((ARTICLES, PRONOUNS, PREPOSITIONS, CONJUNCTIONS, AUXILIARIES, ADVERBS)).split()
)
"""Words that carry grammar rather than content; left out of overlaps and Jaccard sets."""

IRREGULAR = frozenset(
    "said went came took gave got made saw knew thought found told left felt kept began brought "
    "held stood heard let meant set met ran paid sat spoke lay led read grew lost fell sent built "
    "understood drew broke spent cut rose drove bought wore chose ate flew threw caught sang sold "
    "won wrote hid stole slept woke rode shook hung swept swung crept wept knelt fought taught "
    "bent lit rang shone shut struck stuck swore tore sank sprang drank dug fed forgot froze leapt "
    "lent burnt blew bit forgave leant bore bound".split()
)
"""Past forms that do not end in -ed."""

# -- discourse markers

MARKERS = {
    "elaboration": "also, furthermore, moreover, in addition, besides, what is more, likewise",
    "examples": "for example, for instance, such as, namely, in particular, to illustrate",
    "explanation": "that is, in other words, in fact, to put it differently, specifically",
    "cause and effect": "because, so, therefore, thus, hence, as a result, consequently, "
    "for this reason, since then, that is why",
    "contrast": "but, however, yet, on the other hand, in contrast, whereas, instead, still",
    "sequence": "first, then, next, after that, afterwards, later, finally, at last, before long, "
    "soon, one day, one morning, one evening, one night",
    "emphasis": "indeed, above all, certainly, of course, suddenly, at once, all at once",
    "summary": "in the end, in short, to sum up, in conclusion, overall, in summary, all in all",
    "comparison": "similarly, in the same way, just as, like before, compared with",
    "concession": "although, even though, though, nevertheless, even so, despite, all the same",
    "condition": "if, unless, otherwise, provided that, as long as, in case",
    "time": "when, while, meanwhile, until, before, after, since, for days, that night, just then, "
    "from then on, by then, at first, once, long ago, years ago, in the dark",
}
MARKERS = {kind: tuple(words.split(", ")) for kind, words in MARKERS.items()}
"""Discourse markers in the twelve categories of arXiv 2508.04652; the lists are ours."""

MARKER = re.compile(
    rf"\b(?:{'|'.join(sorted(sorted({m for k in MARKERS.values() for m in k}), key=len)[::-1])})\b"
)
"""Any marker as whole words, the longest first."""

CAPITALS = frozenset(
    "i monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december god mr mrs miss sir lady lord king queen "
    "mother father english".split()
)
"""Capitalised words in mid-sentence that are no new character or place."""
