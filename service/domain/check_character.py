"""The check character of codes: one letter that makes a typo visible.

The letters of the alphabet of 32 are the elements of the field GF(2⁵) with the primitive
polynomial x⁵ + x² + 1: the place of a letter in the alphabet is the element's value, its bits are
the coefficients. The weighted sum of all random letters and the check character is zero. The
weights are powers of the primitive element, from 1 at the check character upwards. None of them is
zero and neighbours have different ones, so every single wrong letter and every swap of two
different neighbours changes the sum. (Lin, Costello: Error Control Coding, 2004, chapter 2.)
"""

from collections.abc import Sequence
from functools import cache

from service.domain.codes import ALPHABET

_ORDER = len(ALPHABET) - 1
"""The number of elements beside zero, each a power of the primitive one."""
_POLYNOMIAL = 0b100101


def check_character(letters: str) -> str:
    """Return the check character that follows `letters`, which are all of `ALPHABET`."""
    total = 0
    for weight, letter in enumerate(reversed(letters), start=1):
        total ^= _products(weight % _ORDER)[ALPHABET.index(letter)]
    return ALPHABET[total]


@cache
def _products(weight: int) -> Sequence[int]:
    """Return the product of each element with a power of the primitive one."""
    return [_times_power(element, weight) for element in range(len(ALPHABET))]


def _times_power(element: int, power: int) -> int:
    for _ in range(power):
        element <<= 1
        if element > _ORDER:
            element ^= _POLYNOMIAL
    return element
