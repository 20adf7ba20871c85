"""Codes: what one looks like, and how new ones are made.

A code is a secret worth money, so it comes from the operating system's random source, and
every code is as likely as every other: 32 letters divide the 256 values of a byte evenly,
which leaves no modulo bias. Twelve letters of 32 are 60 bits; with ten million codes in a
pool a guess hits one with a probability of 10^7 / 2^60, less than one in 10^11.
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
"""Makes that many candidate codes."""

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits, none of which is read as another (no 0/O, no 1/I)."""
LENGTH = 12
"""Letters in a code made here: 60 bits."""
MIN_LENGTH, MAX_LENGTH = 4, 64
PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9-]{{{MIN_LENGTH - 2},{MAX_LENGTH - 2}}}[A-Za-z0-9]$"
"""What any code, imported ones too, looks like."""

_TABLE = bytes(ord(ALPHABET[value % len(ALPHABET)]) for value in range(256))
_RULE = re.compile(PATTERN)
_CELL = 32
"""Codes in a cell at least: so that one more or less, as cells have, is of no help to a guess."""
_SCATTERED = 128
"""Below so many codes, each goes to a place of its own."""
_SHARED = 3
"""Letters that the codes of a cluster share."""
_random = SystemRandom()


def is_code(text: str) -> bool:
    """Return whether `text` has the form of a code."""
    return _RULE.fullmatch(text) is not None


def mint(count: int) -> Sequence[str]:
    """Make `count` random codes, up to some thousand.

    They are distinct from each other only as far as chance makes them; whoever stores them
    finds out which are new.

    Many codes come in 32 clusters at random places, because an index writes a page for each place.
    Each code is still as likely as every other, and at each of its places every letter. Whoever has
    one of a thousand knows a cluster: a guess there hits another with a probability of 32 / 32^9,
    which is one in 10^12.
    """
    clusters = _clusters() if count >= _SCATTERED else [""]
    length = LENGTH - len(clusters[0])
    letters = _letters(count * length)
    return [
        cluster + letters[at : at + length]
        for cluster, at in zip(cycle(clusters), range(0, count * length, length), strict=False)
    ]


def _clusters() -> Sequence[str]:
    """Return as many beginnings of codes as there are letters; no two share a letter's place."""
    columns = (_random.sample(ALPHABET, len(ALPHABET)) for _ in range(_SHARED))
    return ["".join(letters) for letters in zip(*columns, strict=True)]


def mint_part(at: int, total: int, count: int) -> Sequence[str]:
    """Make `count` random codes: those from number `at` on, of `total` made in parts.

    The space of codes is cut into as many cells as leave a cell some dozens of codes, and the codes
    fill one cell after the other, so that an index grows at one place only. Within a cell they are
    in no order: whoever knows the codes before and after another knows its cell. No guess is better
    than another: each hits with a probability of the number of codes by the size of the space.
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
    """Return items in a random order, from the system's random source.

    To sort by random numbers takes a quarter of the time of `SystemRandom.shuffle`.
    """
    numbers = array("Q", os.urandom(8 * len(items)))
    return [items[place] for place in sorted(range(len(items)), key=numbers.__getitem__)]


def _letters(count: int) -> str:
    return os.urandom(count).translate(_TABLE).decode("ascii")


def _letters_of_cell(total: int) -> int:
    """Return how many letters the codes of a cell share, if a cell is to have `_CELL` or more."""
    letters = 0
    while len(ALPHABET) ** (letters + 1) * _CELL <= total:
        letters += 1
    return letters


@cache
def _cells(letters: int) -> Sequence[str]:
    """List all texts of so many letters, in order."""
    return ["".join(text) for text in product(ALPHABET, repeat=letters)]
