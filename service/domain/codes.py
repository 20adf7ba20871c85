"""Codes: their form, and how new ones are generated.

A code is a secret worth money, so it comes from the operating system's random source, and every
code is equally likely: 32 letters divide the 256 values of a byte evenly, without modulo bias.
Twelve letters of 32 are 60 bits; with ten million codes in a pool a guess hits one with a
probability of 10^7 / 2^60, less than one in 10^11.
"""

import os
import re
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from itertools import cycle, product
from random import SystemRandom
from typing import TypeVar

Item = TypeVar("Item")
Mint = Callable[[int], Sequence[str]]
"""Returns that many candidate codes."""

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 unambiguous letters and digits (no 0/O, no 1/I)."""
LENGTH = 12
"""Letters in a generated code: 60 bits."""
MIN_LENGTH, MAX_LENGTH = 4, 64
PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9-]{{{MIN_LENGTH - 2},{MAX_LENGTH - 2}}}[A-Za-z0-9]$"
"""The form of all codes, including imported ones."""

_TABLE = bytes(ord(ALPHABET[value % len(ALPHABET)]) for value in range(256))
_RULE = re.compile(PATTERN)
_CELL = 32
"""Fewest codes in a cell, so that differences between cells do not help a guess."""
_SCATTERED = 128
"""With fewer codes, each goes to a place of its own."""
_SHARED = 3
"""Letters in the common prefix of a cluster."""
_random = SystemRandom()


def is_code(text: str) -> bool:
    """Return whether `text` has the form of a code."""
    return _RULE.fullmatch(text) is not None


def mint(count: int) -> Sequence[str]:
    """Return `count` random codes, up to a few thousand.

    They are only distinct with high probability; the store finds out which are new.

    Many codes come in 32 clusters at random places, because an index writes a page for each place.
    Each code is still equally likely, and so is each letter at each of its places. Somebody who has
    one of a thousand codes knows a cluster: a guess there hits another code with a probability of
    32 / 32^9, which is one in 10^12.
    """
    clusters = _clusters() if count >= _SCATTERED else [""]
    length = LENGTH - len(clusters[0])
    letters = _letters(count * length)
    return [
        cluster + letters[at : at + length]
        for cluster, at in zip(cycle(clusters), range(0, count * length, length), strict=False)
    ]


def _clusters() -> Sequence[str]:
    """Return one prefix for each letter; no two share a letter at the same place."""
    columns = (_random.sample(ALPHABET, len(ALPHABET)) for _ in range(_SHARED))
    return ["".join(letters) for letters in zip(*columns, strict=True)]


def mint_part(at: int, total: int, count: int) -> Sequence[str]:
    """Return `count` random codes: those from number `at` on, of `total` that are made in parts.

    The space of codes is divided into cells of a few dozen codes each, and the codes fill one cell
    after the other, so that an index grows at one place only. Within a cell they are unordered:
    the neighbours of a code reveal its cell only. No guess is better than another: each hits with
    the number of codes divided by the size of the space as probability.
    """
    cells = _cells(_letters_of_cell(total))
    length = LENGTH - len(cells[0])
    letters = _letters(count * length)
    codes: list[str] = []
    while len(codes) < count:
        place = (at + len(codes)) * len(cells) // total
        ends = -(-(place + 1) * total // len(cells))  # the first number of the next cell
        starts = range(len(codes) * length, min(ends - at, count) * length, length)
        codes += [cells[place] + letters[start : start + length] for start in starts]
    return codes


def shuffled(items: Sequence[Item]) -> list[Item]:
    """Return the items in random order, from the system's random source.

    Sorting by random numbers takes a quarter of the time of `SystemRandom.shuffle`.
    """
    numbers = array("Q", os.urandom(8 * len(items)))
    return [items[place] for place in sorted(range(len(items)), key=numbers.__getitem__)]


def _letters(count: int) -> str:
    return os.urandom(count).translate(_TABLE).decode("ascii")


def _letters_of_cell(total: int) -> int:
    """Return the length of the common prefix of a cell with `_CELL` or more codes."""
    letters = 0
    while len(ALPHABET) ** (letters + 1) * _CELL <= total:
        letters += 1
    return letters


@cache
def _cells(letters: int) -> Sequence[str]:
    """Return all texts of so many letters, in order."""
    return ["".join(text) for text in product(ALPHABET, repeat=letters)]
