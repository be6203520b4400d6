"""Hand-written problems about dictionaries and records. See the package's docstring."""

from __future__ import annotations


# ---- best_seller
def totals(sales: list[list]) -> dict[str, int]:  # pairs
    """Return the sum of the amounts of each name, of [name, amount] records.

    >>> totals([["ant", 2], ["bee", 1], ["ant", 3]])
    {'ant': 5, 'bee': 1}
    """
    result: dict[str, int] = {}
    for name, amount in sales:
        result[name] = result.get(name, 0) + amount
    return result


def ranked(sales: list[list]) -> list[str]:  # pairs
    """Return the names by their total, largest first; equal totals in alphabetical order.

    >>> ranked([["ant", 2], ["bee", 9], ["ant", 3]])
    ['bee', 'ant']
    """
    sums = totals(sales)
    return sorted(sums, key=lambda name: (-sums[name], name))


def podium(sales: list[list]) -> str:  # pairs
    """Return the first two names of the ranking, as "1 NAME, 2 NAME" (only "1 NAME" if there is
    only one).

    >>> podium([["ant", 2], ["bee", 9], ["ant", 3]])
    '1 bee, 2 ant'
    """
    return ", ".join(f"{k + 1} {name}" for k, name in enumerate(ranked(sales)[:2]))


# ---- inventory_update
def with_delivery(stock: dict[str, int], items: list[list]) -> dict[str, int]:  # counts, pairs
    """Return the stock plus the amounts of [name, amount] records; new names are added.

    >>> with_delivery({"a": 1}, [["a", 2], ["ant", 3]])
    {'a': 3, 'ant': 3}
    """
    result = dict(stock)
    for name, amount in items:
        result[name] = result.get(name, 0) + amount
    return result


def shortages(stock: dict[str, int], least: int) -> list[str]:  # counts, pos
    """Return the names of which there is less than ``least``, in alphabetical order.

    >>> shortages({"b": 1, "a": 2, "c": 9}, 3)
    ['a', 'b']
    """
    return sorted(name for name, amount in stock.items() if amount < least)


def still_short(stock: dict[str, int], items: list[list], least: int) -> str:  # counts, pairs, pos
    """Return the names that are short after a delivery, joined by "+"; "none" if there are none.

    >>> still_short({"a": 1, "b": 1}, [["a", 5]], 3)
    'b'
    """
    return "+".join(shortages(with_delivery(stock, items), least)) or "none"


# ---- inverted_index
def places(words: list[str], word: str) -> list[int]:  # words, noun
    """Return the places of a word in a list, ascending.

    >>> places(["ant", "bee", "ant"], "ant")
    [0, 2]
    """
    return [k for k, other in enumerate(words) if other == word]


def index_of(words: list[str]) -> dict[str, list[int]]:  # words
    """Return the places of every word, by word, words in order of their first place.

    >>> index_of(["bee", "ant", "bee"])
    {'bee': [0, 2], 'ant': [1]}
    """
    return {word: places(words, word) for word in words}


def farthest_apart(words: list[str]) -> int:  # words
    """Return the largest distance between the first and the last place of a word, plus the number
    of different words.

    >>> farthest_apart(["bee", "ant", "bee"])
    4
    """
    index = index_of(words)
    return max((found[-1] - found[0] for found in index.values()), default=0) + len(index)


# ---- grade_book
def average(marks: list[int]) -> int:  # nats
    """Return the mean of a list of marks rounded down; 0 for an empty list.

    >>> average([4, 5])
    4
    """
    return sum(marks) // len(marks) if marks else 0


def by_name(records: list[list]) -> dict[str, list[int]]:  # pairs
    """Return the marks of each name, of [name, mark] records, in order.

    >>> by_name([["ant", 4], ["bee", 1], ["ant", 5]])
    {'ant': [4, 5], 'bee': [1]}
    """
    book: dict[str, list[int]] = {}
    for name, mark in records:
        book.setdefault(name, []).append(mark)
    return book


def honours(records: list[list]) -> list[str]:  # pairs
    """Return "name average" for the names whose average is at least 8, in alphabetical order.

    >>> honours([["bee", 9], ["ant", 2], ["bee", 8]])
    ['bee 8']
    """
    means = {name: average(marks) for name, marks in by_name(records).items()}
    return [f"{name} {mean}" for name, mean in sorted(means.items()) if mean >= 8]


# ---- dictionary_diff
def changed_keys(a: dict[str, int], b: dict[str, int]) -> list[str]:  # counts, counts
    """Return the keys that both have with different values, in alphabetical order.

    >>> changed_keys({"a": 1, "b": 2}, {"a": 3, "b": 2})
    ['a']
    """
    return sorted(k for k in a if k in b and a[k] != b[k])


def missing_keys(a: dict[str, int], b: dict[str, int]) -> list[str]:  # counts, counts
    """Return the keys of a that b lacks, in alphabetical order.

    >>> missing_keys({"a": 1, "b": 2}, {"b": 2})
    ['a']
    """
    return sorted(k for k in a if k not in b)


def diff(a: dict[str, int], b: dict[str, int]) -> list[str]:  # counts, counts
    """Return the removed keys as "-k", the added ones as "+k", the changed ones as "~k", in this
    order, each group alphabetical.

    >>> diff({"a": 1, "b": 2}, {"b": 3, "c": 4})
    ['-a', '+c', '~b']
    """
    gone = ["-" + k for k in missing_keys(a, b)]
    return gone + ["+" + k for k in missing_keys(b, a)] + ["~" + k for k in changed_keys(a, b)]


# ---- election
def vote_counts(votes: list[str]) -> dict[str, int]:  # words
    """Return how many votes each name got.

    >>> vote_counts(["ant", "bee", "ant"])
    {'ant': 2, 'bee': 1}
    """
    return {name: votes.count(name) for name in votes}


def leaders(votes: list[str]) -> list[str]:  # words
    """Return the names with the most votes, in alphabetical order; [] without votes.

    >>> leaders(["bee", "ant"])
    ['ant', 'bee']
    """
    counts = vote_counts(votes)
    most = max(counts.values(), default=0)
    return sorted(name for name, n in counts.items() if n == most)


def outcome(votes: list[str]) -> str:  # words
    """Return "NAME wins" if one name leads with more than half of the votes, "NAME leads" if
    one leads with fewer, else "tie of N".

    >>> outcome(["ant", "ant", "bee"]), outcome(["ant", "bee"])
    ('ant wins', 'tie of 2')
    """
    first = leaders(votes)
    if len(first) != 1:
        return f"tie of {len(first)}"
    return f"{first[0]} {'wins' if 2 * votes.count(first[0]) > len(votes) else 'leads'}"


# ---- shopping_bill
def price_of(name: str) -> int:  # noun
    """Return a price by the number of letters of a name: 3 for each, and 1 more if the name has
    an "a" in it.

    >>> price_of("ant"), price_of("elk")
    (10, 9)
    """
    return 3 * len(name) + ("a" in name)


def subtotal(items: list[list]) -> int:  # pairs
    """Return the sum of price times amount over [name, amount] records.

    >>> subtotal([["ant", 2], ["bee", 1]])
    29
    """
    return sum(price_of(name) * amount for name, amount in items)


def discount(amount: int) -> int:  # big
    """Return the discount on an amount: a tenth, rounded down, from 100 on; a fifth from 300 on.

    >>> discount(99), discount(105), discount(300)
    (0, 10, 60)
    """
    return amount // 5 if amount >= 300 else amount // 10 if amount >= 100 else 0


def bill(items: list[list]) -> str:  # pairs
    """Return "T (-D)": the subtotal less its discount, and the discount.

    >>> bill([["ant", 20]])
    '180 (-20)'
    """
    amount = subtotal(items)
    return f"{amount - discount(amount)} (-{discount(amount)})"


# ---- schedule_conflicts
def overlaps(a: list[int], b: list[int]) -> bool:  # span, span
    """Return whether two spans [start, end] share more than a point.

    >>> overlaps([1, 3], [2, 5]), overlaps([1, 3], [3, 5])
    (True, False)
    """
    return max(a[0], b[0]) < min(a[1], b[1])


def conflicts(spans: list[list[int]]) -> list[list[int]]:  # spans
    """Return [i, j] for all places i < j of spans that overlap, in order.

    >>> conflicts([[1, 3], [5, 6], [2, 4]])
    [[0, 2]]
    """
    n = len(spans)
    return [[i, j] for i in range(n) for j in range(i + 1, n) if overlaps(spans[i], spans[j])]


def degrees(spans: list[list[int]]) -> list[int]:  # spans
    """Return for each span with how many others it conflicts.

    >>> degrees([[1, 3], [5, 6], [2, 4]])
    [1, 0, 1]
    """
    pairs = conflicts(spans)
    return [sum(k in pair for pair in pairs) for k in range(len(spans))]


def to_move(spans: list[list[int]]) -> str:  # spans
    """Return "move K": the place of the first span with the most conflicts, or "fine" if
    there are none.

    >>> to_move([[1, 3], [5, 6], [2, 4]]), to_move([[1, 2], [3, 4]])
    ('move 0', 'fine')
    """
    counts = degrees(spans)
    return f"move {counts.index(max(counts))}" if max(counts) else "fine"
