"""Sentences of stories: templates for each part of a plan, and how a section is made of them.

A section is a first sentence (with a transition), sentences that use the required word and carry
the part's needs, and a last one. Each agent takes templates of its own (a convention that all
experts share: the agent's number picks the row), so that teammates who cannot see each other do
not write the same. Slots: premise fields, ``{He} {he} {his} {him}`` for the hero,
``{adj}`` an adjective of the tone, ``{spot}`` and ``{time}``.
"""

from __future__ import annotations

import re
from random import Random

from colllm_bench.envs.writing.language.premises import Premise
from colllm_bench.envs.writing.language.words import TONES

SPOTS = tuple(
    "river well mill gate barn market forest harbor bridge tower garden cave orchard".split()
)
TIMES = tuple("morning evening night winter autumn summer".split())
PRONOUNS = {
    "she": {"he": "she", "his": "her", "him": "her"},
    "he": {"he": "he", "his": "his", "him": "him"},
}

FIRST = {
    "opening": (
        "Once, in {place}, {hero} kept a {adj} {object} near the {spot}.",
        "Long ago {hero} lived in {place} and owned a {adj} {object}.",
        "In the {adj} town of {place}, {hero} found a {object} one {time}.",
        "Every {time} in {place}, {hero} carried {his} {adj} {object} to the {spot}.",
        "There was once a {object} in {place}, and {hero} loved it dearly.",
        "Years ago, when {place} was small, {hero} was given a {adj} {object}.",
    ),
    "trouble": (
        "But one {time} a {villain} came from the {spot} and {deed} the {object}.",
        "Then, one {adj} {time}, a {villain} {deed} the {object}.",
        "Suddenly a {villain} ran in from the {spot} and {deed} the {object}.",
        "However, a {villain} {deed} the {object} while everyone slept.",
        "One {time}, though, a {adj} {villain} {deed} the {object}.",
        "Before long a {villain} {deed} the {object} and was gone.",
    ),
    "search": (
        "Meanwhile {hero} and {friend} followed the tracks to the {spot}.",
        "So {friend} and {hero} went from door to door and asked about it.",
        "Next, {hero} and {friend} searched the {spot} until it was dark.",
        "After that {hero} climbed a {adj} hill while {friend} kept watch.",
        "Later {friend} told {hero} of a {adj} sound near the {spot}.",
        "For days {hero} walked beside {friend} along the {spot}.",
        "Soon {friend} led {hero} to the old {spot}.",
        "First {hero} looked east, and {friend} looked west.",
        "At once {friend} took {hero} by the hand and ran.",
        "Because it rained, {hero} and {friend} rested at the {spot}.",
        "Although {friend} was tired, {hero} wanted to go on.",
        "Still, neither {hero} nor {friend} would turn back.",
        "By then {friend} had a plan, and {hero} liked it.",
    ),
    "turn": (
        "At last {hero} and {friend} met the {villain} by the {spot}.",
        "Then {hero} stood before the {villain} and asked why.",
        "Because {friend} was clever, {hero} soon caught the {villain}.",
        "Just then {hero} saw the {villain} asleep at the {spot}.",
        "In the dark {hero} crept up to the {adj} {villain}.",
    ),
    "resolution": (
        "In the end the {villain} gave the {object} back to {hero}.",
        "Finally {hero} carried the {object} home to {place}.",
        "At last the {object} stood in its old place, and {hero} smiled.",
        "So {hero} forgave the {villain} and took the {object} home.",
        "Since that {time}, the {object} has never left {hero}.",
    ),
}
"""First sentences; each begins with a transition, or, in the opening, sets the scene."""

MIDDLE = {
    "opening": (
        "{His} friend {friend} often sat beside it with a {word}.",
        "{He} showed it to {friend}, who lived nearby and made every {word} in town.",
        "A {word} and a {adj} song were all that {friend} could offer for it.",
        "With {friend}, {he} hid it under a {word} at night.",
        "Next to it stood a {word}, a gift from {friend}.",
    ),
    "trouble": (
        "{hero} found only a {word} on the floor.",
        "All that was left was a {word}, and {friend} wept.",
        "{friend} saw it all from behind a {word}.",
        "It dropped a {word} at the {spot} as it fled.",
        "{hero} threw a {word}, but it was too late.",
    ),
    "search": (
        "They took a {word} with them, just in case.",
        "An old woman gave them a {word} for the road.",
        "There was a {word} in the grass, still warm.",
        "A shepherd with a {word} pointed north.",
        "Under a {word} they found a {adj} clue.",
        "Rain was falling on a {word} in the yard.",
        "Somebody had painted a {word} on the wall.",
        "The path ended at a broken {word}.",
        "Each of them stepped over a {word}.",
        "A child swapped a {word} for some bread.",
        "Wind had blown a {word} into a tree.",
        "Two birds were fighting over a {word}.",
        "Near the water lay a {word} with a name on it.",
    ),
    "turn": (
        "{He} held up a {word}, and it began to cry.",
        "{friend} offered a {word} in return.",
        "A {word} fell with a crash, and everybody froze.",
        "With a {word} they blocked the only way out.",
        "Nothing but a {word} stood between them.",
    ),
    "resolution": (
        "{friend} laid a {word} beside it as a sign of peace.",
        "They danced around a {word} and sang a {adj} song.",
        "A {word} hangs above it to this day.",
        "The neighbours brought a {word} and a {adj} cake.",
        "{friend} made a {word} to keep it safe.",
    ),
}
"""Sentences that use the section's required word."""

LAST = {
    "opening": (
        "Nobody thought that this would ever change.",
        "Life was {adj}, and the days went by.",
        "{He} cleaned it every {time} and hummed.",
        "People came from far away to see it.",
        "Those were {adj} days, and nobody was afraid.",
        "The whole street knew its {adj} shine.",
    ),
    "trouble": (
        "{He} did not know what to do.",
        "The house felt {adj} without it.",
        "{friend} promised to get it back.",
        "Nobody in {place} slept that night.",
        "The two friends looked at each other in silence.",
        "It was the worst {time} of the year.",
    ),
    "search": (
        "Step by step they came closer.",
        "The {object} was nowhere to be seen.",
        "The trail led far away from {place}.",
        "{hero} was tired, but {he} did not give up.",
        "A light was burning in the {spot}.",
        "The {adj} road seemed to have no end.",
        "They laughed, and it helped a little.",
        "Even the birds had stopped singing.",
        "{friend} counted the hours under {his_friend} breath.",
        "No map showed where they were now.",
        "Hope is a {adj} thing to carry.",
        "Something moved behind the trees.",
        "Tomorrow they would know more.",
    ),
    "turn": (
        "It was not {adj} at all, only alone.",
        "For a moment nobody said a word.",
        "It had never meant to hurt anyone.",
        "{His} voice was {adj}, and it listened.",
        "The {object} lay safe behind its back.",
    ),
    "resolution": (
        "And {place} was {adj} once more.",
        "{hero} and {friend} never spoke of it again.",
        "From then on, every door stayed open.",
        "It shone more than ever before.",
        "Everyone slept well and dreamt {adj} dreams.",
    ),
}
"""Closing sentences."""

DETAIL = (
    "The air smelled of {adj} rain and old wood.",
    "A dog barked twice and then lay down again.",
    "Smoke rose slowly from the roofs around the {spot}.",
    "{He} pulled {his} coat tighter and looked up.",
    "Two {adj} clouds were passing over the hills.",
    "Somewhere a window was shut, and a baby cried.",
    "{friend} smiled, as if {he_friend} had known it all along.",
    "The sun went down behind the {spot}.",
    "Grass had grown between the stones of the path.",
    "An owl called from the {adj} woods.",
    "{his_friend_cap} hands were cold, but they did not shake.",
    "The bread on the table had gone hard.",
    "Far off a cart rolled along the road.",
    "{hero} thought of {his} mother, and of home.",
    "Leaves were turning red on every tree.",
    "A {adj} wind moved the curtains.",
    "Snow lay on the roof of the {spot} like a sheet.",
    "Three old men were playing cards under a tree.",
    "It had rained, and the mud was deep.",
    "From an open kitchen came the smell of onions.",
    "{hero} kicked a pebble and watched it roll.",
    "The clock on the tower was five minutes late.",
    "A line of ants crossed the step.",
    "{friend} tied {his_friend} shoes and whistled.",
    "Children were throwing sticks into the {spot}.",
    "Nothing moved except a {adj} flag.",
    "The moon looked thin above the {spot}.",
    "Someone was sawing wood on the other side.",
    "Geese flew over in a long line.",
    "There was dust on every leaf.",
    "A cat watched them from a {adj} wall.",
    "Water dripped from the roof, drop by drop.",
)
"""Sentences for longer sections."""

MOOD = (
    "It was a {adj} {time}.",
    "Everything seemed {adj}.",
    "The air was {adj} and clear.",
    "How {adj} it was!",
    "A {adj} light fell on the {spot}.",
)
"""Sentences for sections that have no word of the tone yet."""

_SLOT = re.compile(r"\{(\w+)\}")


def fill(template: str, premise: Premise, section: int, rng: Random) -> str:
    """One sentence: the template with its slots filled, what is free by the generator."""
    hero = PRONOUNS[premise.hero.pronoun]
    friend = PRONOUNS[premise.friend.pronoun]
    fixed = {
        "hero": premise.hero.name, "friend": premise.friend.name, "place": premise.place,
        "object": premise.object, "villain": premise.villain, "deed": premise.deed,
        "word": premise.required[section], **hero, "He": hero["he"].capitalize(),
        "His": hero["his"].capitalize(), "he_friend": friend["he"],
        "his_friend": friend["his"], "his_friend_cap": friend["his"].capitalize(),
    }  # fmt: skip
    free = {"adj": TONES[premise.tone], "spot": SPOTS, "time": TIMES}

    def value(match: re.Match) -> str:
        slot = match.group(1)
        return rng.choice(free[slot]) if slot in free else fixed[slot]

    return _SLOT.sub(value, template)


def names(template: str) -> set[str]:
    """The slots of a template."""
    return set(_SLOT.findall(template))


def pick(rows: tuple[str, ...], number: int, shift: int) -> str:
    """The row that agents agree agent ``number`` takes, in a story whose shift is ``shift``."""
    return rows[(number + shift) % len(rows)]
