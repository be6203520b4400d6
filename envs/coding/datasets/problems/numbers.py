"""Hand-written problems about numbers. How to read this file: see the package's docstring."""

from __future__ import annotations


# ---- prime_gap
def is_prime(n: int) -> bool:  # big
    """Return whether n is a prime number.

    >>> [n for n in range(12) if is_prime(n)]
    [2, 3, 5, 7, 11]
    """
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def next_prime(n: int) -> int:  # big
    """Return the smallest prime number that is greater than n.

    >>> next_prime(7)
    11
    """
    n += 1
    while not is_prime(n):
        n += 1
    return n


def prime_gap(n: int) -> int:  # big
    """Return how far it is from the smallest prime greater than n to the next prime after it.

    >>> prime_gap(8)
    2
    """
    first = next_prime(n)
    return next_prime(first) - first


# ---- digital_root_sum
def digit_sum(n: int) -> int:  # big
    """Return the sum of the decimal digits of n, which is not negative.

    >>> digit_sum(905)
    14
    """
    return sum(int(d) for d in str(n))


def digital_root(n: int) -> int:  # big
    """Return what is left when digits are summed again and again until one digit remains.

    >>> digital_root(987)
    6
    """
    while n > 9:
        n = digit_sum(n)
    return n


def root_total(xs: list[int]) -> int:  # nats
    """Return the sum of the digital roots of xs, plus the number of items.

    >>> root_total([12, 9, 38])
    17
    """
    return sum(digital_root(x) for x in xs) + len(xs)


# ---- collatz_peak
def collatz_step(n: int) -> int:  # pos
    """Return n / 2 as an integer if n is even, else 3 * n + 1.

    >>> collatz_step(6), collatz_step(7)
    (3, 22)
    """
    return n // 2 if n % 2 == 0 else 3 * n + 1


def collatz_path(n: int) -> list[int]:  # pos
    """Return the numbers that repeated Collatz steps give from n on, up to and with 1.

    >>> collatz_path(3)
    [3, 10, 5, 16, 8, 4, 2, 1]
    """
    path = [n]
    while path[-1] != 1:
        path.append(collatz_step(path[-1]))
    return path


def collatz_peak(n: int) -> list[int]:  # pos
    """Return a list of two numbers: the largest on the Collatz path of n and the path's length.

    >>> collatz_peak(3)
    [16, 8]
    """
    path = collatz_path(n)
    return [max(path), len(path)]


# ---- fraction_sum
def common_divisor(a: int, b: int) -> int:  # pos, pos
    """Return the greatest common divisor of two positive numbers.

    >>> common_divisor(12, 18)
    6
    """
    while b:
        a, b = b, a % b
    return a


def reduced(a: int, b: int) -> list[int]:  # pos, pos
    """Return the fraction a / b in lowest terms, as [numerator, denominator].

    >>> reduced(6, 8)
    [3, 4]
    """
    d = common_divisor(a, b)
    return [a // d, b // d]


def fraction_sum(a: int, b: int, c: int, d: int) -> str:  # pos, pos, pos, pos
    """Return a / b + c / d in lowest terms, as the text "numerator/denominator".

    >>> fraction_sum(1, 2, 1, 3)
    '5/6'
    """
    top, bottom = reduced(a * d + c * b, b * d)
    return f"{top}/{bottom}"


# ---- divisor_kind
def proper_divisors(n: int) -> list[int]:  # pos
    """Return the divisors of n that are less than n, ascending.

    >>> proper_divisors(12)
    [1, 2, 3, 4, 6]
    """
    return [d for d in range(1, n) if n % d == 0]


def abundance(n: int) -> int:  # big
    """Return the sum of the proper divisors of n, minus n.

    >>> abundance(12)
    4
    """
    return sum(proper_divisors(n)) - n


def divisor_kind(n: int) -> str:  # big
    """Return "perfect" if the abundance of n is 0, "abundant by K" if it is K > 0, and
    "deficient by K" if it is -K < 0.

    >>> divisor_kind(12), divisor_kind(6), divisor_kind(8)
    ('abundant by 4', 'perfect', 'deficient by 1')
    """
    a = abundance(n)
    if a == 0:
        return "perfect"
    return f"abundant by {a}" if a > 0 else f"deficient by {-a}"


# ---- base_palindrome
def in_base(n: int, base: int) -> list[int]:  # big, pos
    """Return the digits of n in a base, most significant first; bases below 2 count as 2.

    >>> in_base(10, 2)
    [1, 0, 1, 0]
    """
    base = max(base, 2)
    digits = []
    while n:
        n, rest = divmod(n, base)
        digits.append(rest)
    return digits[::-1] or [0]


def mirrored(n: int, base: int) -> int:  # big, pos
    """Return the number whose digits in the base are those of n in reverse; bases below 2
    count as 2.

    >>> mirrored(6, 2)
    3
    """
    base = max(base, 2)
    value = 0
    for digit in reversed(in_base(n, base)):
        value = value * base + digit
    return value


def mirror_distance(n: int, base: int) -> int:  # big, pos
    """Return how far n is from its mirrored number in the base.

    >>> mirror_distance(6, 2)
    3
    """
    return abs(n - mirrored(n, base))


# ---- triangle_kind
def sorted_sides(a: int, b: int, c: int) -> list[int]:  # pos, pos, pos
    """Return the three numbers as a list in ascending order.

    >>> sorted_sides(5, 3, 4)
    [3, 4, 5]
    """
    return sorted([a, b, c])


def angle_excess(a: int, b: int, c: int) -> int:  # pos, pos, pos
    """Return the square of the longest side minus the squares of the two others.

    >>> angle_excess(3, 5, 4)
    0
    """
    x, y, z = sorted_sides(a, b, c)
    return z * z - x * x - y * y


def triangle_kind(a: int, b: int, c: int) -> str:  # pos, pos, pos
    """Return "none" if the sides make no triangle (the longest is at least the sum of the
    others); else "right N", "acute N" or "obtuse N" by the sign of the angle excess (0, below,
    above), N being the perimeter.

    >>> triangle_kind(3, 4, 5), triangle_kind(2, 2, 3), triangle_kind(1, 1, 5)
    ('right 12', 'obtuse 7', 'none')
    """
    if 2 * max(a, b, c) >= a + b + c:
        return "none"
    excess = angle_excess(a, b, c)
    kind = "right" if excess == 0 else "acute" if excess < 0 else "obtuse"
    return f"{kind} {a + b + c}"


# ---- change_coins
def coins_of(amount: int, coin: int) -> int:  # big, pos
    """Return how many whole coins of a value fit into an amount.

    >>> coins_of(23, 5)
    4
    """
    return amount // coin


def change(amount: int) -> list[int]:  # big
    """Return the counts of coins of 50, 20, 10, 5, 2 and 1, taken greedily in that order, that
    make up an amount.

    >>> change(88)
    [1, 1, 1, 1, 1, 1]
    """
    counts = []
    for coin in (50, 20, 10, 5, 2, 1):
        counts.append(coins_of(amount, coin))
        amount -= counts[-1] * coin
    return counts


def change_weight(amount: int) -> int:  # big
    """Return the weight of the greedy change of an amount: a coin of 50, 20, 10, 5, 2, 1 weighs
    8, 6, 4, 4, 3, 2.

    >>> change_weight(88)
    27
    """
    return sum(n * w for n, w in zip(change(amount), (8, 6, 4, 4, 3, 2)))


# ---- calendar_distance
def is_leap(year: int) -> bool:  # big
    """Return whether a year has 366 days in the Gregorian calendar.

    >>> is_leap(1900), is_leap(2000), is_leap(2024)
    (False, True, True)
    """
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(year: int, month: int) -> int:  # big, pos
    """Return how many days a month (1 to 12) has.

    >>> month_days(2024, 2), month_days(2023, 4)
    (29, 30)
    """
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def day_of_year(year: int, month: int, day: int) -> int:  # big, pos, pos
    """Return which day of the year a date is, 1 for the first of January.

    >>> day_of_year(2024, 3, 1)
    61
    """
    return sum(month_days(year, m) for m in range(1, month)) + day
