"""Hand-written problems about lists. How to read this file: see the package's docstring."""

from __future__ import annotations


# ---- longest_plateau
def run_lengths(xs: list[int]) -> list[int]:  # bits
    """Return the lengths of the runs of equal items next to each other, in order.

    >>> run_lengths([1, 1, 0, 1])
    [2, 1, 1]
    """
    runs: list[int] = []
    for k, x in enumerate(xs):
        if k and x == xs[k - 1]:
            runs[-1] += 1
        else:
            runs.append(1)
    return runs


def longest_run(xs: list[int]) -> int:  # bits
    """Return the length of the longest run of equal items; 0 for an empty list.

    >>> longest_run([1, 1, 0, 1])
    2
    """
    return max(run_lengths(xs), default=0)


def plateau_share(xs: list[int]) -> int:  # bits
    """Return the longest run's share of the list in percent, rounded down; 0 for an empty list.

    >>> plateau_share([1, 1, 0, 1])
    50
    """
    return 100 * longest_run(xs) // len(xs) if xs else 0


# ---- mountain_peaks
def is_peak(xs: list[int], k: int) -> bool:  # nats, pos
    """Return whether item k has a neighbour on both sides and is larger than both. A place
    outside the list is no peak.

    >>> is_peak([1, 3, 2], 1), is_peak([1, 3], 1)
    (True, False)
    """
    return 0 < k < len(xs) - 1 and xs[k - 1] < xs[k] > xs[k + 1]


def peaks(xs: list[int]) -> list[int]:  # nats
    """Return the places of all peaks, ascending.

    >>> peaks([1, 3, 2, 5, 4])
    [1, 3]
    """
    return [k for k in range(len(xs)) if is_peak(xs, k)]


def peak_total(xs: list[int]) -> int:  # nats
    """Return the sum of the items at peaks, plus 100 for each peak.

    >>> peak_total([1, 3, 2, 5, 4])
    208
    """
    return sum(xs[k] + 100 for k in peaks(xs))


# ---- merge_sorted
def merged(a: list[int], b: list[int]) -> list[int]:  # nats, nats
    """Return the items of both lists in ascending order, all of them.

    >>> merged([1, 4], [2])
    [1, 2, 4]
    """
    return sorted(a + b)


def middle(xs: list[int]) -> float:  # nats
    """Return the median of an ascending list: the middle item, or the mean of the two; a float.

    >>> middle([1, 2, 4]), middle([1, 2])
    (2.0, 1.5)
    """
    n = len(xs)
    return (xs[(n - 1) // 2] + xs[n // 2]) / 2


def median_shift(a: list[int], b: list[int]) -> float:  # nats, nats
    """Return the median of both lists together minus the median of the first one's own items.

    >>> median_shift([4, 1, 3], [9])
    0.5
    """
    return middle(merged(a, b)) - middle(sorted(a))


# ---- matrix_trace
def transposed(grid: list[list[int]]) -> list[list[int]]:  # grid
    """Return the grid with rows and columns exchanged.

    >>> transposed([[1, 2, 3], [4, 5, 6]])
    [[1, 4], [2, 5], [3, 6]]
    """
    return [list(column) for column in zip(*grid)]


def row_sums(grid: list[list[int]]) -> list[int]:  # grid
    """Return the sum of each row.

    >>> row_sums([[1, 2], [3, 4]])
    [3, 7]
    """
    return [sum(row) for row in grid]


def grid_report(grid: list[list[int]]) -> list[int]:  # grid
    """Return [largest row sum, largest column sum, number of cells].

    >>> grid_report([[1, 2], [3, 4]])
    [7, 6, 4]
    """
    columns = row_sums(transposed(grid))
    return [max(row_sums(grid)), max(columns), len(grid) * len(grid[0])]


# ---- rotate_grid
def mirrored_rows(grid: list[list[int]]) -> list[list[int]]:  # grid
    """Return the grid with every row reversed.

    >>> mirrored_rows([[1, 2], [3, 4]])
    [[2, 1], [4, 3]]
    """
    return [row[::-1] for row in grid]


def quarter_turn(grid: list[list[int]]) -> list[list[int]]:  # grid
    """Return the grid turned clockwise by 90 degrees.

    >>> quarter_turn([[1, 2], [3, 4]])
    [[3, 1], [4, 2]]
    """
    return mirrored_rows([list(column) for column in zip(*grid)])


def spiral(grid: list[list[int]]) -> list[int]:  # grid
    """Return the cells on a clockwise spiral from the top left corner inwards.

    >>> spiral([[1, 2, 3], [4, 5, 6]])
    [1, 2, 3, 6, 5, 4]
    """
    cells: list[int] = []
    while grid:
        cells += grid[0]
        rest = grid[1:]
        grid = quarter_turn(quarter_turn(quarter_turn(rest))) if rest else []
    return cells


# ---- interval_cover
def joined(spans: list[list[int]]) -> list[list[int]]:  # spans
    """Return the spans [start, end] sorted by start, those that overlap or touch made one.

    >>> joined([[5, 7], [1, 3], [3, 4]])
    [[1, 4], [5, 7]]
    """
    result: list[list[int]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = [result[-1][0], max(end, result[-1][1])]
        else:
            result.append([start, end])
    return result


def covered(spans: list[list[int]]) -> int:  # spans
    """Return the length that the spans cover together, what overlaps counted once.

    >>> covered([[5, 7], [1, 3], [3, 4]])
    5
    """
    return sum(end - start for start, end in joined(spans))


def idle_share(spans: list[list[int]]) -> str:  # spans
    """Return "F of T": F is what lies free between the first start and the last end, T is the
    distance between these two.

    >>> idle_share([[5, 7], [1, 3], [3, 4]])
    '1 of 6'
    """
    total = max(end for _, end in spans) - min(start for start, _ in spans)
    return f"{total - covered(spans)} of {total}"


# ---- running_records
def prefix_maxima(xs: list[int]) -> list[int]:  # ints
    """Return, at each place, the largest item so far.

    >>> prefix_maxima([2, 1, 5])
    [2, 2, 5]
    """
    return [max(xs[: k + 1]) for k in range(len(xs))]


def record_places(xs: list[int]) -> list[int]:  # ints
    """Return the places of items that are larger than all before them; place 0 is one.

    >>> record_places([2, 1, 5])
    [0, 2]
    """
    best = prefix_maxima(xs)
    return [k for k in range(len(xs)) if k == 0 or best[k] > best[k - 1]]


def record_gaps(xs: list[int]) -> list[int]:  # ints
    """Return by how much each record after the first exceeds the record before it.

    >>> record_gaps([2, 1, 5, 9])
    [3, 4]
    """
    records = [xs[k] for k in record_places(xs)]
    return [b - a for a, b in zip(records, records[1:])]


# ---- two_sums
def pairs_below(xs: list[int]) -> list[list[int]]:  # nats
    """Return all pairs [x, y] of items of which x stands before y, in order of x's place, then
    y's.

    >>> pairs_below([1, 2, 3])
    [[1, 2], [1, 3], [2, 3]]
    """
    return [[x, y] for k, x in enumerate(xs) for y in xs[k + 1 :]]


def sums_to(xs: list[int], target: int) -> list[list[int]]:  # nats, nat
    """Return the pairs of items (as above, the earlier item first) whose sum is the target.

    >>> sums_to([1, 2, 3], 4)
    [[1, 3]]
    """
    return [pair for pair in pairs_below(xs) if sum(pair) == target]


def sum_counts(xs: list[int]) -> dict[int, int]:  # nats
    """Return how many pairs of items sum to each target from 10 to 16, targets without any
    left out.

    >>> sum_counts([4, 6, 7])
    {10: 1, 11: 1, 13: 1}
    """
    counts = {target: len(sums_to(xs, target)) for target in range(10, 17)}
    return {target: n for target, n in counts.items() if n}


# ---- balanced_split
def prefix_sums(xs: list[int]) -> list[int]:  # nats
    """Return the sums of the first 0, 1, 2, ... items, up to all.

    >>> prefix_sums([1, 2, 3])
    [0, 1, 3, 6]
    """
    sums = [0]
    for x in xs:
        sums.append(sums[-1] + x)
    return sums


def imbalance(xs: list[int], k: int) -> int:  # nats, pos
    """Return the absolute difference between the sum of the first k items and of the rest.

    >>> imbalance([1, 2, 3], 2)
    0
    """
    sums = prefix_sums(xs)
    k = min(k, len(xs))
    return abs(2 * sums[k] - sums[-1])


def best_split(xs: list[int]) -> list[int]:  # nats
    """Return [k, difference] for the smallest k from 0 to the length whose imbalance is least.

    >>> best_split([1, 2, 3])
    [2, 0]
    """
    k = min(range(len(xs) + 1), key=lambda k: imbalance(xs, k))
    return [k, imbalance(xs, k)]
