"""Hand-written problems about measured and counted quantities. See the package's docstring."""

from __future__ import annotations


# ---- happy_numbers
def square_digits(n: int) -> int:  # big
    """Return the sum of the squares of the decimal digits of n.

    >>> square_digits(19)
    82
    """
    return sum(int(d) ** 2 for d in str(n))


def happy_steps(n: int) -> int:  # big
    """Return how many times the digits must be squared and summed until n becomes 1, or -1 if
    a number comes back before that.

    >>> happy_steps(19), happy_steps(4)
    (4, -1)
    """
    seen, steps = set(), 0
    while n != 1:
        if n in seen:
            return -1
        seen.add(n)
        n, steps = square_digits(n), steps + 1
    return steps


def happiest(xs: list[int]) -> int:  # nats
    """Return the sum of the happy steps of the items that are at least 1, unhappy ones as -1.

    >>> happiest([19, 4, 0])
    3
    """
    return sum(happy_steps(x) for x in xs if x >= 1)


# ---- variance_ratio
def mean_of(xs: list[float]) -> float:  # floats
    """Return the mean of a list that is not empty.

    >>> mean_of([1.0, 2.0, 6.0])
    3.0
    """
    return sum(xs) / len(xs)


def variance_of(xs: list[float]) -> float:  # floats
    """Return the mean of the squared distances to the mean.

    >>> variance_of([1.0, 3.0])
    1.0
    """
    m = mean_of(xs)
    return mean_of([(x - m) ** 2 for x in xs])


def spread_report(xs: list[float]) -> list[float]:  # floats
    """Return [mean, variance, largest minus mean], each rounded to 2 decimals.

    >>> spread_report([1.0, 3.0])
    [2.0, 1.0, 1.0]
    """
    m = mean_of(xs)
    return [round(m, 2), round(variance_of(xs), 2), round(max(xs) - m, 2)]


# ---- temperature_table
def to_fahrenheit(c: float) -> float:  # float
    """Return degrees Celsius as degrees Fahrenheit: c * 9 / 5 + 32.

    >>> to_fahrenheit(100.0)
    212.0
    """
    return c * 9 / 5 + 32


def feels(c: float) -> str:  # float
    """Return "cold" below 50 degrees Fahrenheit, "hot" above 80, else "mild", for a temperature
    in Celsius.

    >>> feels(0.0), feels(20.0), feels(35.0)
    ('cold', 'mild', 'hot')
    """
    f = to_fahrenheit(c)
    return "cold" if f < 50 else "hot" if f > 80 else "mild"


def feel_counts(cs: list[float]) -> dict[str, int]:  # floats
    """Return how many of the temperatures (in Celsius) feel "cold", "mild" and "hot"; all
    three keys are there.

    >>> feel_counts([1.0, 21.0, 22.0])
    {'cold': 1, 'mild': 2, 'hot': 0}
    """
    counts = {"cold": 0, "mild": 0, "hot": 0}
    for c in cs:
        counts[feels(c)] += 1
    return counts


# ---- clock_angles
def hour_angle(hour: int, minute: int) -> float:  # nat, nat
    """Return the angle of a clock's hour hand from 12, in degrees, 0 up to 360.

    >>> hour_angle(15, 30)
    105.0
    """
    return (hour % 12) * 30 + minute * 0.5


def hands_angle(hour: int, minute: int) -> float:  # nat, nat
    """Return the smaller angle between the hands of a clock (the minute hand moves 6 degrees a
    minute).

    >>> hands_angle(3, 0)
    90.0
    """
    apart = abs(hour_angle(hour, minute) - 6 * minute) % 360
    return min(apart, 360 - apart)


def widest_hour(minute: int) -> int:  # nat
    """Return the hour from 0 to 11 at which the hands are widest apart at this minute, the
    smallest such hour.

    >>> widest_hour(0)
    6
    """
    return max(range(12), key=lambda hour: (hands_angle(hour, minute), -hour))


# ---- checksum_code
def doubled_digit(d: int) -> int:  # pos
    """Return twice a digit, minus 9 where that is more than 9.

    >>> doubled_digit(4), doubled_digit(7)
    (8, 5)
    """
    d *= 2
    return d - 9 if d > 9 else d


def luhn_sum(digits: str) -> int:  # digits
    """Return the sum of the digits, in which every second one from the right end (the second,
    the fourth, ...) is doubled, minus 9 where that is more than 9.

    >>> luhn_sum("79927398713")
    70
    """
    total = 0
    for k, d in enumerate(reversed(digits)):
        total += doubled_digit(int(d)) if k % 2 else int(d)
    return total


def with_check_digit(digits: str) -> str:  # digits
    """Return the digits with one more at the end, which makes their Luhn sum end in 0.

    >>> with_check_digit("7992739871")
    '79927398713'
    """
    return digits + str(-luhn_sum(digits + "0") % 10)


# ---- lattice_walk
def turned(direction: int, command: str) -> int:  # nat, letter
    """Return the new direction (0 north, 1 east, 2 south, 3 west) after a command: "a" turns
    right, "b" turns left, others keep it. The old direction counts modulo 4.

    >>> turned(0, "a"), turned(0, "b"), turned(6, "c")
    (1, 3, 2)
    """
    return (direction + {"a": 1, "b": 3}.get(command, 0)) % 4


def walk(commands: str) -> list[int]:  # letters
    """Return where a walk ends as [x, y]. It starts at [0, 0] facing north; each letter first
    turns the walker ("a" right, "b" left), then moves it one step ahead.

    >>> walk("caa")
    [1, 0]
    """
    x = y = direction = 0
    for command in commands:
        direction = turned(direction, command)
        x += (0, 1, 0, -1)[direction]
        y += (1, 0, -1, 0)[direction]
    return [x, y]


def homesick(commands: str) -> int:  # letters
    """Return the distance from the walk's end to its start in steps along the axes, plus the
    number of commands.

    >>> homesick("caa")
    4
    """
    x, y = walk(commands)
    return abs(x) + abs(y) + len(commands)


# ---- weighted_marks
def points(mark: int) -> int:  # nat
    """Return the points for a mark: 0 below 5, 1 below 10, 2 below 15, else 3.

    >>> points(4), points(5), points(14), points(15)
    (0, 1, 2, 3)
    """
    return (mark >= 5) + (mark >= 10) + (mark >= 15)


def best_points(marks: list[int], count: int) -> list[int]:  # nats, pos
    """Return the points of the ``count`` best marks, descending.

    >>> best_points([3, 16, 9], 2)
    [3, 1]
    """
    return [points(mark) for mark in sorted(marks, reverse=True)[:count]]


def final_grade(marks: list[int], count: int) -> str:  # nats, pos
    """Return "pass N" if the best marks' points sum to at least 4, else "fail N", N being the sum.

    >>> final_grade([3, 16, 9], 2)
    'pass 4'
    """
    total = sum(best_points(marks, count))
    return f"{'pass' if total >= 4 else 'fail'} {total}"


# ---- interest_plan
def with_interest(amount: int, percent: int) -> int:  # big, pos
    """Return the amount plus so many percent of it, rounded down, but at least 1 more.

    >>> with_interest(150, 5), with_interest(10, 1)
    (157, 11)
    """
    return amount + max(1, amount * percent // 100)


def years_to(amount: int, percent: int, goal: int) -> int:  # big, pos, big
    """Return how many years of interest it takes until the amount is at least the goal.

    >>> years_to(100, 10, 121)
    2
    """
    years = 0
    while amount < goal:
        amount, years = with_interest(amount, percent), years + 1
    return years


def faster_plan(amount: int, goal: int) -> int:  # big, big
    """Return how many years earlier 12 percent reach the goal than 6 percent do.

    >>> faster_plan(100, 200)
    6
    """
    return years_to(amount, 6, goal) - years_to(amount, 12, goal)
