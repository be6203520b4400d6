"""Hand-written problems about texts. How to read this file: see the package's docstring."""

from __future__ import annotations


# ---- bracket_depth
def only_brackets(text: str) -> str:  # brackets
    """Return only the round and square brackets of a text, in order.

    >>> only_brackets("a(b)[c]")
    '()[]'
    """
    return "".join(c for c in text if c in "()[]")


def is_balanced(text: str) -> bool:  # brackets
    """Return whether every bracket of a text is closed by one of its kind, properly nested.

    >>> is_balanced("([])"), is_balanced("(]"), is_balanced("((")
    (True, False, False)
    """
    stack = []
    for c in only_brackets(text):
        if c in "([":
            stack.append(c)
        elif not stack or stack.pop() + c not in ("()", "[]"):
            return False
    return not stack


def depth_report(text: str) -> str:  # brackets
    """Return "broken" if the brackets are not balanced, else "depth D", D being how many are
    open at most at a time.

    >>> depth_report("([])"), depth_report("(]")
    ('depth 2', 'broken')
    """
    if not is_balanced(text):
        return "broken"
    depth = best = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        best = max(best, depth)
    return f"depth {best}"


# ---- run_length_code
def first_run(text: str) -> int:  # runs
    """Return how many letters at the start are equal to the first one; 0 for an empty text.

    >>> first_run("aab")
    2
    """
    return len(text) - len(text.lstrip(text[0])) if text else 0


def encoded(text: str) -> str:  # runs
    """Return the run-length code: each run of equal letters as its letter and its length.

    >>> encoded("aabccc")
    'a2b1c3'
    """
    code = ""
    while text:
        n = first_run(text)
        code, text = f"{code}{text[0]}{n}", text[n:]
    return code


def saved_letters(text: str) -> int:  # runs
    """Return how many characters shorter the run-length code is than the text; negative if it
    is longer.

    >>> saved_letters("aaaaab")
    2
    """
    return len(text) - len(encoded(text))


# ---- caesar_shift
def shifted_letter(c: str, k: int) -> str:  # letter, int
    """Return a small letter moved by k places in the alphabet, around its end; any other
    character as it is.

    >>> shifted_letter("y", 3), shifted_letter("!", 3)
    ('b', '!')
    """
    return chr((ord(c) - 97 + k) % 26 + 97) if "a" <= c <= "z" else c


def shifted(text: str, k: int) -> str:  # letters, int
    """Return the text with every small letter moved by k places in the alphabet.

    >>> shifted("hi, yo", 2)
    'jk, aq'
    """
    return "".join(shifted_letter(c, k) for c in text)


def twice_shifted(text: str, k: int) -> str:  # letters, int
    """Return the text shifted by k, a bar, and the text shifted back by k.

    >>> twice_shifted("bc", 1)
    'cd|ab'
    """
    return f"{shifted(text, k)}|{shifted(text, -k)}"


# ---- word_report
def plain_words(text: str) -> list[str]:  # text
    """Return the words of a text in lower case, without the marks . , ! around them.

    >>> plain_words("Ant, BEE cat!")
    ['ant', 'bee', 'cat']
    """
    return [word.strip(".,!").lower() for word in text.split()]


def word_counts(text: str) -> dict[str, int]:  # text
    """Return how often each word occurs, case and marks aside.

    >>> word_counts("Ant, ant bee!")
    {'ant': 2, 'bee': 1}
    """
    counts: dict[str, int] = {}
    for word in plain_words(text):
        counts[word] = counts.get(word, 0) + 1
    return counts


def top_word(text: str) -> str:  # text
    """Return the most frequent word and how often it occurs, as "word xN"; of several, the one
    that comes first in the alphabet.

    >>> top_word("Bee, ant bee!")
    'bee x2'
    """
    counts = word_counts(text)
    word = min(counts, key=lambda w: (-counts[w], w))
    return f"{word} x{counts[word]}"


# ---- title_case
def capital(word: str) -> str:  # letters
    """Return a word with its first letter large and all others small.

    >>> capital("aNT")
    'Ant'
    """
    return word[:1].upper() + word[1:].lower()


def camel(text: str) -> str:  # text
    """Return the words of a text without marks (. , !) and spaces, the first one small, each
    other one with a capital letter.

    >>> camel("BIG ant, bee")
    'bigAntBee'
    """
    words = ["".join(c for c in w if c not in ".,!") for w in text.split()]
    return words[0].lower() + "".join(capital(w) for w in words[1:])


def camel_pieces(text: str) -> list[int]:  # text
    """Return the length of the camel case form and how many capital letters it has.

    >>> camel_pieces("BIG ant, bee")
    [9, 2]
    """
    form = camel(text)
    return [len(form), sum(c.isupper() for c in form)]


# ---- palindrome_fix
def is_mirrored(text: str) -> bool:  # letters
    """Return whether a text reads the same backwards.

    >>> is_mirrored("abba"), is_mirrored("ab")
    (True, False)
    """
    return text == text[::-1]


def mirror_tail(text: str) -> int:  # letters
    """Return the length of the longest end of a text that reads the same backwards.

    >>> mirror_tail("cabba"), mirror_tail("ab")
    (4, 1)
    """
    return next((len(text) - k for k in range(len(text)) if is_mirrored(text[k:])), 0)


def completed(text: str) -> str:  # letters
    """Return the shortest text that starts with this one and reads the same backwards.

    >>> completed("abc"), completed("cabba")
    ('abcba', 'cabbac')
    """
    rest = len(text) - mirror_tail(text)
    return text + text[:rest][::-1]


# ---- common_prefix
def shared_start(a: str, b: str) -> str:  # letters, letters
    """Return the longest start that two texts share.

    >>> shared_start("abcd", "abxd")
    'ab'
    """
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return a[:n]


def start_of_all(words: list[str]) -> str:  # words
    """Return the longest start that all words of a list share; "" for an empty list.

    >>> start_of_all(["abc", "abd", "ab"])
    'ab'
    """
    start = words[0] if words else ""
    for word in words:
        start = shared_start(start, word)
    return start


def endings(words: list[str], suffix: str) -> list[str]:  # words, letter
    """Return the words, each with the suffix added and the start that all then share replaced
    by "-".

    >>> endings(["ant", "and"], "s")
    ['-ts', '-ds']
    """
    words = [word + suffix for word in words]
    n = len(start_of_all(words))
    return ["-" + word[n:] for word in words]


# ---- vowel_swap
def vowels_of(text: str) -> list[str]:  # text
    """Return the vowels (a e i o u, of either case) of a text in order.

    >>> vowels_of("Ant bee")
    ['A', 'e', 'e']
    """
    return [c for c in text if c in "aeiouAEIOU"]


def vowels_turned(text: str) -> str:  # text
    """Return the text with its vowels in reverse order, all else in place.

    >>> vowels_turned("Ant, bee dog")
    'ont, bee dAg'
    """
    left = vowels_of(text)
    return "".join(left.pop() if c in "aeiouAEIOU" else c for c in text)


def turned_places(text: str) -> int:  # text
    """Return at how many places the text and the one with turned vowels differ, plus ten times
    the number of vowels.

    >>> turned_places("Ant, bee dog")
    42
    """
    changed = sum(a != b for a, b in zip(text, vowels_turned(text)))
    return changed + 10 * len(vowels_of(text))
