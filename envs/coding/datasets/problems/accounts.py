"""Hand-written problems about accounts and tables of records. See the package's docstring."""

from __future__ import annotations


# ---- currency_rates
def rate(table: dict[str, int], key: str) -> int:  # counts, letter
    """Return the rate of a currency: its value in the table without its sign, at least 1; 1 if
    it is not there.

    >>> rate({"a": -4, "b": 0}, "a"), rate({"a": 4, "b": 0}, "b"), rate({}, "c")
    (4, 1, 1)
    """
    return max(abs(table.get(key, 1)), 1)


def converted(table: dict[str, int], amount: int, path: str) -> int:  # counts, big, letters
    """Return the amount after an exchange for each letter of a path in turn: times 10, divided
    by the letter's rate, rounded down.

    >>> converted({"a": 4}, 6, "a")
    15
    """
    for key in path:
        amount = amount * 10 // rate(table, key)
    return amount


def better_path(table: dict[str, int], amount: int, path: str) -> str:  # counts, big, letters
    """Return "there N" if the path gives at least as much as the reversed path, else "back N",
    N being what the better one gives modulo 1000.

    >>> better_path({"a": 4}, 6, "a")
    'there 15'
    """
    there, back = converted(table, amount, path), converted(table, amount, path[::-1])
    return f"{'there' if there >= back else 'back'} {max(there, back) % 1000}"


# ---- league_table
def match_points(home: int, away: int) -> list[int]:  # nat, nat
    """Return the points of [home, away] by their goals: 3 and 0 for a win, 1 each for a draw.

    >>> match_points(2, 1), match_points(0, 0)
    ([3, 0], [1, 1])
    """
    if home == away:
        return [1, 1]
    return [3, 0] if home > away else [0, 3]


def season_points(goals: list[list]) -> dict[str, int]:  # pairs
    """Return points by team. Records [team, goals] stand in pairs, the home team first; an odd
    last one is left out. A team's points are added up.

    >>> season_points([["ant", 2], ["bee", 1], ["bee", 0], ["ant", 0]])
    {'ant': 4, 'bee': 1}
    """
    points: dict[str, int] = {}
    for (home, scored), (away, against) in zip(goals[::2], goals[1::2]):
        for team, won in zip((home, away), match_points(scored, against)):
            points[team] = points.get(team, 0) + won
    return points


def champion(goals: list[list]) -> str:  # pairs
    """Return the team with most points and its points, as "team:points"; of several the first in
    alphabetical order; "nobody" without a match.

    >>> champion([["bee", 2], ["ant", 1]])
    'bee:3'
    """
    points = season_points(goals)
    if not points:
        return "nobody"
    team = min(points, key=lambda t: (-points[t], t))
    return f"{team}:{points[team]}"


# ---- cache_hits
def touched(cache: list[str], key: str, size: int) -> list[str]:  # words, letter, pos
    """Return a cache after a key was used: the key last, earlier ones of it gone, and only the
    last ``size`` keys kept.

    >>> touched(["ant", "bee", "cat"], "bee", 2)
    ['cat', 'bee']
    """
    return [*(k for k in cache if k != key), key][-size:]


def hits(keys: list[str], size: int) -> int:  # words, pos
    """Return how many keys of a list were in the cache when they were used, the cache being empty
    at the start.

    >>> hits(["ant", "bee", "ant", "cat", "bee"], 2)
    1
    """
    cache: list[str] = []
    count = 0
    for key in keys:
        count += key in cache
        cache = touched(cache, key, size)
    return count


def hit_curve(keys: list[str]) -> list[int]:  # words
    """Return the hits for caches of sizes 1, 2, 3, and the number of keys.

    >>> hit_curve(["ant", "bee", "ant"])
    [0, 1, 1, 3]
    """
    return [*(hits(keys, size) for size in (1, 2, 3)), len(keys)]


# ---- budget_plan
def by_size(costs: dict[str, int]) -> list[str]:  # counts
    """Return the keys by value, smallest first, equal values in alphabetical order; values below
    1 are left out.

    >>> by_size({"b": 2, "a": 2, "c": 1, "d": 0})
    ['c', 'a', 'b']
    """
    return sorted((k for k in costs if costs[k] > 0), key=lambda k: (costs[k], k))


def affordable(costs: dict[str, int], budget: int) -> str:  # counts, nat
    """Return the keys that are bought, smallest first, while the money lasts, as one text.

    >>> affordable({"a": 3, "b": 1, "c": 9}, 5)
    'ba'
    """
    bought = ""
    for key in by_size(costs):
        if costs[key] > budget:
            break
        budget -= costs[key]
        bought += key
    return bought


def money_left(costs: dict[str, int], budget: int) -> str:  # counts, nat
    """Return "KEYS and N": what is bought and how much money is left.

    >>> money_left({"a": 3, "b": 1, "c": 9}, 5)
    'ba and 1'
    """
    bought = affordable(costs, budget)
    return f"{bought} and {budget - sum(costs[key] for key in bought)}"


# ---- histogram
def bucket(x: int, width: int) -> int:  # int, pos
    """Return the largest multiple of ``width`` that is at most x.

    >>> bucket(7, 5), bucket(-1, 5)
    (5, -5)
    """
    return x - x % width


def histogram(xs: list[int], width: int) -> dict[int, int]:  # ints, pos
    """Return how many items are in each bucket, buckets ascending, empty ones left out.

    >>> histogram([7, 5, -1], 5)
    {-5: 1, 5: 2}
    """
    places = sorted(bucket(x, width) for x in xs)
    return {place: places.count(place) for place in places}


def bars(xs: list[int], width: int) -> list[str]:  # ints, pos
    """Return a line "start #" for each bucket, with a "#" for each item.

    >>> bars([7, 5, -1], 5)
    ['-5 #', '5 ##']
    """
    return [f"{place} {'#' * count}" for place, count in histogram(xs, width).items()]


# ---- message_board
def mentions(text: str) -> list[str]:  # text
    """Return the words of a text that are all capitals, marks (. , !) aside, in order.

    >>> mentions("ANT sees bee, BEE!")
    ['ANT', 'BEE']
    """
    return [w for w in (word.strip(".,!") for word in text.split()) if w.isupper()]


def loudness(text: str) -> int:  # text
    """Return 3 for each mention, and 1 for each "!".

    >>> loudness("ANT sees bee, BEE!")
    7
    """
    return 3 * len(mentions(text)) + text.count("!")


def tone(text: str) -> str:  # text
    """Return "quiet" for a loudness of 0, "loud N" from 6 on, else "normal N", N the loudness.

    >>> tone("ant"), tone("ANT!"), tone("ANT BEE")
    ('quiet', 'normal 4', 'loud 6')
    """
    n = loudness(text)
    if n == 0:
        return "quiet"
    return f"{'loud' if n >= 6 else 'normal'} {n}"


# ---- family_chain
def next_of(links: dict[str, int], key: str) -> str:  # counts, letter
    """Return the key that follows: the one of the letters "a" to "e" at the place that is the
    value of the key modulo 5; "" if the key is not there.

    >>> next_of({"a": 1, "b": 7}, "a"), next_of({"a": 1}, "c")
    ('b', '')
    """
    return "abcde"[links[key] % 5] if key in links else ""


def trail(links: dict[str, int], key: str) -> str:  # counts, letter
    """Return the keys met when following from a key on, itself first, until one is not in the
    dictionary (it is still written) or was met already (it is not written again).

    >>> trail({"a": 1, "b": 7}, "a"), trail({"a": 0}, "a")
    ('abc', 'a')
    """
    met = ""
    while key and key not in met:
        met += key
        key = next_of(links, key)
    return met


def longest_trail(links: dict[str, int]) -> str:  # counts
    """Return the longest trail from a key of the dictionary and its length, as "trail:length";
    of several, the one that starts first in the alphabet.

    >>> longest_trail({"a": 1, "b": 7})
    'abc:3'
    """
    best = max(sorted(links), key=lambda key: len(trail(links, key)))
    return f"{trail(links, best)}:{len(trail(links, best))}"
