"""Codes: what one looks like, and how new ones are made.

A code is a secret worth money, so it comes from the operating system's random source, and
every code is as likely as every other: 32 letters divide the 256 values of a byte evenly,
which leaves no modulo bias. Twelve letters of 32 are 60 bits; with ten million codes in a
pool a guess hits one with a probability of 10^7 / 2^60, less than one in 10^11.
"""

import os
import re
from collections.abc import Sequence

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits, none of which is read as another (no 0/O, no 1/I)."""
LENGTH = 12
"""Letters in a code made here: 60 bits."""
MIN_LENGTH, MAX_LENGTH = 4, 64
PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9-]{{{MIN_LENGTH - 2},{MAX_LENGTH - 2}}}[A-Za-z0-9]$"
"""What any code, imported ones too, looks like."""

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
