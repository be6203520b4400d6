"""Hand-written problems about simulations, schedules and games. See the package's docstring."""

from __future__ import annotations


# ---- deck_shuffle
def cut_deck(xs: list[int], k: int) -> list[int]:  # nats, pos
    """Return the list with its first k items moved to the end, k modulo the length.

    >>> cut_deck([1, 2, 3], 4)
    [2, 3, 1]
    """
    k %= len(xs)
    return xs[k:] + xs[:k]


def riffle(xs: list[int]) -> list[int]:  # nats
    """Return the list's two halves interleaved, the first half's item first; of an odd length
    the middle item belongs to the first half.

    >>> riffle([1, 2, 3, 4, 5])
    [1, 4, 2, 5, 3]
    """
    half = (len(xs) + 1) // 2
    first, second = xs[:half], xs[half:]
    return [x for k, a in enumerate(first) for x in (a, *second[k : k + 1])]


def mixed(xs: list[int], k: int) -> list[int]:  # nats, pos
    """Return the list after: riffle, cut at k, riffle.

    >>> mixed([1, 2, 3, 4], 1)
    [3, 4, 2, 1]
    """
    return riffle(cut_deck(riffle(xs), k))


# ---- stock_trades
def best_day(prices: list[int], start: int) -> int:  # nats, pos
    """Return the first place, from ``start`` on, of the largest price from there on; the last
    place of the list if ``start`` is beyond it.

    >>> best_day([3, 1, 4, 4], 1), best_day([3, 1], 9)
    (2, 1)
    """
    start = min(start, len(prices) - 1)
    return max(range(start, len(prices)), key=lambda k: (prices[k], -k))


def gain_from(prices: list[int], start: int) -> int:  # nats, pos
    """Return what is gained when bought at ``start`` (the last day if that is beyond the list)
    and sold at the best price from there on.

    >>> gain_from([3, 1, 4], 1)
    3
    """
    start = min(start, len(prices) - 1)
    return prices[best_day(prices, start)] - prices[start]


def best_trade(prices: list[int]) -> list[int]:  # nats
    """Return [day, gain] of the day whose gain is largest; of several the first.

    >>> best_trade([3, 1, 4])
    [1, 3]
    """
    gains = [gain_from(prices, day) for day in range(len(prices))]
    return [gains.index(max(gains)), max(gains)]


# ---- bubble_count
def one_pass(xs: list[int]) -> list[int]:  # ints
    """Return the list after one pass that swaps neighbours that are out of order, left to right.

    >>> one_pass([3, 1, 2])
    [1, 2, 3]
    """
    xs = list(xs)
    for k in range(len(xs) - 1):
        if xs[k] > xs[k + 1]:
            xs[k], xs[k + 1] = xs[k + 1], xs[k]
    return xs


def passes_needed(xs: list[int]) -> int:  # ints
    """Return how many such passes make the list ascend; 0 if it does already.

    >>> passes_needed([3, 1, 2]), passes_needed([3, 2, 1])
    (1, 2)
    """
    count = 0
    while xs != sorted(xs):
        xs, count = one_pass(xs), count + 1
    return count


def sorting_report(xs: list[int]) -> str:  # ints
    """Return "N items, P passes".

    >>> sorting_report([3, 2, 1])
    '3 items, 2 passes'
    """
    return f"{len(xs)} items, {passes_needed(xs)} passes"


# ---- life_row
def alive_next(left: int, own: int, right: int) -> int:  # nat, nat, nat
    """Return 1 if exactly one or two of three numbers are odd, else 0.

    >>> alive_next(1, 0, 0), alive_next(1, 1, 1)
    (1, 0)
    """
    return int((left % 2 + own % 2 + right % 2) in (1, 2))


def generation(cells: list[int]) -> list[int]:  # bits
    """Return the next generation of a row of cells: each becomes 1 if exactly one or two of
    itself and its neighbours are 1, else 0; beyond the ends are zeros.

    >>> generation([0, 1, 0, 0])
    [1, 1, 1, 0]
    """
    row = [0, *cells, 0]
    return [alive_next(*row[k : k + 3]) for k in range(len(cells))]


def population(cells: list[int], steps: int) -> int:  # bits, pos
    """Return how many cells are 1 after so many generations, plus ten times the first cell.

    >>> population([0, 1, 0, 0], 1)
    13
    """
    for _ in range(steps):
        cells = generation(cells)
    return sum(cells) + 10 * cells[0]


# ---- polynomial
def term(coefficient: int, x: int, power: int) -> int:  # int, int, pos
    """Return coefficient times x to the power.

    >>> term(2, 3, 2)
    18
    """
    return coefficient * x**power


def poly(coefficients: list[int], x: int) -> int:  # nats, int
    """Return the value at x of the polynomial whose coefficients stand from power 0 on.

    >>> poly([1, 0, 2], 3)
    19
    """
    return sum(term(c, x, k) for k, c in enumerate(coefficients))


def slope(coefficients: list[int]) -> list[int]:  # nats
    """Return the coefficients of the derivative; [0] for a constant.

    >>> slope([1, 0, 2]), slope([4])
    ([0, 4], [0])
    """
    return [k * c for k, c in enumerate(coefficients)][1:] or [0]


def tangent(coefficients: list[int], x: int) -> str:  # nats, int
    """Return "VALUE slope SLOPE": the polynomial and its derivative at x.

    >>> tangent([1, 0, 2], 3)
    '19 slope 12'
    """
    return f"{poly(coefficients, x)} slope {poly(slope(coefficients), x)}"


# ---- queue_line
def served(queue: list[int], counters: int) -> list[int]:  # nats, pos
    """Return what is left of a queue after each of the first ``counters`` people was served one
    unit; those with nothing left leave.

    >>> served([2, 1, 3], 2)
    [1, 3]
    """
    done = [need - 1 if k < counters else need for k, need in enumerate(queue)]
    return [need for need in done if need > 0]


def minutes_to_empty(queue: list[int], counters: int) -> int:  # nats, pos
    """Return how many rounds of serving empty the queue.

    >>> minutes_to_empty([2, 1, 3], 2)
    4
    """
    minutes = 0
    while queue:
        queue, minutes = served(queue, counters), minutes + 1
    return minutes


def counters_saved(queue: list[int]) -> list[int]:  # nats
    """Return the minutes with 1, 2 and 3 counters.

    >>> counters_saved([2, 1, 3])
    [6, 4, 3]
    """
    return [minutes_to_empty(queue, counters) for counters in (1, 2, 3)]


# ---- sparse_vector
def sparse(xs: list[int]) -> dict[int, int]:  # bits
    """Return the items that are not 0 by their place.

    >>> sparse([0, 5, 0, 7])
    {1: 5, 3: 7}
    """
    return {k: x for k, x in enumerate(xs) if x}


def dot(a: list[int], b: list[int]) -> int:  # bits, nats
    """Return the sum of the products of items at the same place; what one list lacks is 0.

    >>> dot([0, 2, 1], [5, 3])
    6
    """
    x, y = sparse(a), sparse(b)
    return sum(value * y.get(k, 0) for k, value in x.items())


def closeness(a: list[int], b: list[int]) -> list[int]:  # bits, nats
    """Return [dot product of a and b, of a with itself, of b with itself].

    >>> closeness([0, 2, 1], [5, 3])
    [6, 5, 34]
    """
    return [dot(a, b), dot(a, a), dot(b, b)]


# ---- maze_steps
def is_free(grid: list[list[int]], row: int, column: int) -> bool:  # grid, nat, nat
    """Return whether a place is inside the grid and its number is less than 7.

    >>> is_free([[1, 8]], 0, 0), is_free([[1, 8]], 0, 1), is_free([[1, 8]], 1, 0)
    (True, False, False)
    """
    return 0 <= row < len(grid) and 0 <= column < len(grid[0]) and grid[row][column] < 7


def reachable(grid: list[list[int]]) -> list[list[int]]:  # grid
    """Return the free places [row, column] that can be reached from the top left corner through
    free neighbours (up, down, left, right), sorted; [] if the corner is not free.

    >>> reachable([[1, 8], [2, 3]])
    [[0, 0], [1, 0], [1, 1]]
    """
    found, todo = set(), [(0, 0)]
    while todo:
        row, column = todo.pop()
        if (row, column) not in found and is_free(grid, row, column):
            found.add((row, column))
            todo += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return [list(place) for place in sorted(found)]


def treasure(grid: list[list[int]]) -> int:  # grid
    """Return the sum of the numbers at all places that can be reached, plus 1 for each.

    >>> treasure([[1, 8], [2, 3]])
    9
    """
    return sum(grid[row][column] + 1 for row, column in reachable(grid))


# ---- neighbours_smooth
def window(xs: list[int], k: int) -> list[int]:  # nats, pos
    """Return the items at the places k - 1, k and k + 1, those that there are.

    >>> window([4, 5, 6], 0), window([4, 5, 6], 1)
    ([4, 5], [4, 5, 6])
    """
    return xs[max(k - 1, 0) : k + 2]


def smoothed(xs: list[int]) -> list[int]:  # nats
    """Return each item replaced by the mean of its window, rounded down.

    >>> smoothed([3, 6, 9, 0])
    [4, 6, 5, 4]
    """
    return [sum(w) // len(w) for w in (window(xs, k) for k in range(len(xs)))]


def roughness(xs: list[int]) -> int:  # nats
    """Return the sum of the absolute differences between the items and their smoothed values.

    >>> roughness([3, 6, 9, 0])
    9
    """
    return sum(abs(a - b) for a, b in zip(xs, smoothed(xs)))
