"""Hand-written problems about the form of texts. See the package's docstring."""

from __future__ import annotations


# ---- anagram_groups
def letter_key(word: str) -> str:  # letters
    """Return the letters of a word in alphabetical order, small.

    >>> letter_key("Tea")
    'aet'
    """
    return "".join(sorted(word.lower()))


def are_anagrams(a: str, b: str) -> bool:  # letters, letters
    """Return whether two words are made of the same letters, case aside.

    >>> are_anagrams("Tea", "eat"), are_anagrams("tea", "tee")
    (True, False)
    """
    return letter_key(a) == letter_key(b)


def anagram_pairs(words: list[str]) -> int:  # words
    """Return how many pairs of words (at different places) are anagrams of each other, plus the
    number of words.

    >>> anagram_pairs(["tea", "eat", "dog"])
    4
    """
    n = len(words)
    pairs = sum(are_anagrams(words[i], words[j]) for i in range(n) for j in range(i))
    return pairs + n


# ---- line_wrap
def fits(line: str, word: str, width: int) -> bool:  # letters, noun, pos
    """Return whether a line, a space and a word are at most ``width`` characters; an empty
    line takes any word, without a space.

    >>> fits("ab", "cd", 5), fits("ab", "cd", 4), fits("", "abcdef", 2)
    (True, False, True)
    """
    return not line or len(line) + 1 + len(word) <= width


def wrapped(words: list[str], width: int) -> list[str]:  # words, pos
    """Return the words as lines, each as long as they fit into the width.

    >>> wrapped(["ant", "bee", "cat"], 8)
    ['ant bee', 'cat']
    """
    lines = [""]
    for word in words:
        if fits(lines[-1], word, width):
            lines[-1] = f"{lines[-1]} {word}".strip()
        else:
            lines.append(word)
    return lines


def ragged(words: list[str], width: int) -> int:  # words, pos
    """Return the sum of the squares of the room left on each line; lines that are too long
    leave none.

    >>> ragged(["ant", "bee", "cat"], 8)
    26
    """
    return sum(max(0, width - len(line)) ** 2 for line in wrapped(words, width))


# ---- roman_numerals
def roman_value(c: str) -> int:  # roman
    """Return the value of a text's first character as a Roman letter (I 1, V 5, X 10, L 50,
    C 100, D 500, M 1000), of either case; 0 for another character.

    >>> roman_value("X"), roman_value("d"), roman_value("q")
    (10, 500, 0)
    """
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
    return values.get(c[:1].upper(), 0)


def from_roman(text: str) -> int:  # roman
    """Return the value of a Roman numeral: letters are added, but taken off if the next one is
    worth more.

    >>> from_roman("XIV"), from_roman("MCM")
    (14, 1900)
    """
    values = [roman_value(c) for c in text] + [0]
    return sum(-v if v < after else v for v, after in zip(values, values[1:]))


def roman_order(words: list[str]) -> list[str]:  # words
    """Return the words by their value as Roman numerals, smallest first; equal ones in
    alphabetical order, each as "word=value".

    >>> roman_order(["dog", "elk", "ox"])
    ['ox=10', 'elk=50', 'dog=500']
    """
    order = sorted(words, key=lambda word: (from_roman(word), word))
    return [f"{word}={from_roman(word)}" for word in order]


# ---- pig_latin
def consonant_start(word: str) -> int:  # letters
    """Return how many letters stand before the first vowel (a e i o u); all if there is none.

    >>> consonant_start("string"), consonant_start("ant")
    (3, 0)
    """
    return next((k for k, c in enumerate(word) if c in "aeiou"), len(word))


def pig_word(word: str) -> str:  # letters
    """Return the word with the letters before its first vowel moved to the end and "ay" added;
    "yay" is added to a word that starts with a vowel.

    >>> pig_word("string"), pig_word("ant")
    ('ingstray', 'antyay')
    """
    k = consonant_start(word)
    return word[k:] + word[:k] + "ay" if k else word + "yay"


def pig_sentence(words: list[str]) -> str:  # words
    """Return the words in pig latin, joined by spaces, the first letter large, a full stop at
    the end.

    >>> pig_sentence(["cat", "ant"])
    'Atcay antyay.'
    """
    text = " ".join(pig_word(word) for word in words)
    return text[:1].upper() + text[1:] + "."


# ---- digit_spans
def digit_runs(text: str) -> list[str]:  # runs
    """Return the runs of equal characters next to each other.

    >>> digit_runs("1122")
    ['11', '22']
    """
    runs: list[str] = []
    for c in text:
        if runs and runs[-1][0] == c:
            runs[-1] += c
        else:
            runs.append(c)
    return runs


def spoken(text: str) -> str:  # digits
    """Return the look-and-say form: for each run its length, then its character.

    >>> spoken("1211")
    '111221'
    """
    return "".join(f"{len(run)}{run[0]}" for run in digit_runs(text))


def spoken_growth(text: str) -> list[int]:  # digits
    """Return the lengths of the text, of its look-and-say form, and of that one's form.

    >>> spoken_growth("1211")
    [4, 6, 6]
    """
    once = spoken(text)
    return [len(text), len(once), len(spoken(once))]


# ---- edit_steps
def same_places(a: str, b: str) -> int:  # letters, letters
    """Return at how many places two texts have the same character, up to the shorter's length.

    >>> same_places("abcd", "axc")
    2
    """
    return sum(x == y for x, y in zip(a, b))


def hamming(a: str, b: str) -> int:  # letters, letters
    """Return at how many places two texts differ, places that only the longer one has included.

    >>> hamming("abcd", "axc")
    2
    """
    return max(len(a), len(b)) - same_places(a, b)


def nearest(words: list[str], word: str) -> str:  # words, letters
    """Return the word of a list that differs least from a word, and the difference, as
    "word/number"; of several, the first in alphabetical order.

    >>> nearest(["cat", "dog"], "dot")
    'dog/1'
    """
    best = min(words, key=lambda other: (hamming(other, word), other))
    return f"{best}/{hamming(best, word)}"


# ---- markdown_table
def widths(rows: list[list]) -> list[int]:  # pairs
    """Return the largest text length of each of the two columns of [name, number] records.

    >>> widths([["ant", 5], ["b", 10]])
    [3, 2]
    """
    return [max(len(str(row[k])) for row in rows) for k in (0, 1)]


def table_row(row: list, sizes: list[int]) -> str:  # bits, bits
    """Return the first two items of a row as "name | number": the first filled up with spaces on
    the right, the second on the left, to the first two sizes.

    >>> table_row(["b", 10], [3, 4])
    'b   |   10'
    """
    return f"{str(row[0]):<{sizes[0]}} | {str(row[1]):>{sizes[1]}}"


def table(rows: list[list]) -> list[str]:  # pairs
    """Return the records as rows of a table whose columns are as wide as their widest text, a
    line of dashes of the same length above and below.

    >>> table([["ant", 5], ["b", 10]])
    ['--------', 'ant |  5', 'b   | 10', '--------']
    """
    sizes = widths(rows)
    lines = [table_row(row, sizes) for row in rows]
    edge = "-" * (sum(sizes) + 3)
    return [edge, *lines, edge]


# ---- text_statistics
def sentence_words(text: str) -> list[str]:  # text
    """Return the words of a text in lower case, split at spaces, without . , ! at their ends.

    >>> sentence_words("Ant, BEE!")
    ['ant', 'bee']
    """
    return [w.strip(".,!").lower() for w in text.split()]


def different_words(text: str) -> int:  # text
    """Return how many different words a text has.

    >>> different_words("Ant, ant bee")
    2
    """
    return len(set(sentence_words(text)))


def longest_word(text: str) -> str:  # text
    """Return the longest word; of several, the last one in the text.

    >>> longest_word("Horse, ant zebra!")
    'zebra'
    """
    words = sentence_words(text)
    return max(reversed(words), key=len)


def richness(text: str) -> str:  # text
    """Return "D different, longest W (N)": the number of different words, the longest word and
    its length.

    >>> richness("Ant, ant horse")
    '2 different, longest horse (5)'
    """
    word = longest_word(text)
    return f"{different_words(text)} different, longest {word} ({len(word)})"
