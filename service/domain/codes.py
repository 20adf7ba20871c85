"""Codes: what one looks like, and how new ones are made.

A code is a secret worth money, so it comes from the operating system's random source, and
every code is as likely as every other: 32 letters divide the 256 values of a byte evenly,
which leaves no modulo bias. Twelve letters of 32 are 60 bits; with ten million codes in a
pool a guess hits one with a probability of 10^7 / 2^60, less than one in 10^11.
"""

import os
import re
from array import array
from collections.abc import Sequence
from functools import cache
from itertools import product

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits, none of which is read as another (no 0/O, no 1/I)."""
LENGTH = 12
"""Letters in a code made here: 60 bits."""
MIN_LENGTH, MAX_LENGTH = 4, 64
PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9-]{{{MIN_LENGTH - 2},{MAX_LENGTH - 2}}}[A-Za-z0-9]$"
"""What any code, imported ones too, looks like."""

SPACE: int = len(ALPHABET) ** LENGTH
"""How many codes of `LENGTH` letters there are. Numbered in their order, they begin with 0."""

_TABLE = bytes(ord(ALPHABET[value % len(ALPHABET)]) for value in range(256))
_RULE = re.compile(PATTERN)


def is_code(text: str) -> bool:
    """Say whether `text` has the form of a code."""
    return _RULE.fullmatch(text) is not None


def mint(count: int) -> Sequence[str]:
    """Make `count` random codes, sorted, so that an index takes them in its own order.

    They are distinct from each other only as far as chance makes them; whoever stores them
    finds out which are new.
    """
    letters = os.urandom(count * LENGTH).translate(_TABLE).decode("ascii")
    return sorted(letters[at : at + LENGTH] for at in range(0, count * LENGTH, LENGTH))


def mint_between(first: int, end: int, count: int) -> Sequence[str]:
    """Make `count` random codes, sorted, all with numbers from `first` to before `end`.

    Whoever makes many codes in parts takes the parts of the space one after the other, so that
    an index grows at one place only. Each code is as hard to guess as one of `mint`: a guess
    hits with a probability of the number of codes by the size of the space.
    """
    width = end - first
    mask = (1 << (width - 1).bit_length()) - 1
    drawn: list[int] = []
    while len(drawn) < count:  # what is out of the range is drawn again, which leaves no bias
        words = array("Q", os.urandom(8 * (count - len(drawn))))
        drawn += [number for word in words if (number := word & mask) < width]
    drawn.sort()
    part = _triples()
    return [
        part[n >> 45] + part[n >> 30 & 32767] + part[n >> 15 & 32767] + part[n & 32767]
        for n in (first + number for number in drawn)
    ]


@cache
def _triples() -> Sequence[str]:
    """List all texts of three letters, a quarter of a code, in order."""
    return ["".join(letters) for letters in product(ALPHABET, repeat=LENGTH // 4)]
