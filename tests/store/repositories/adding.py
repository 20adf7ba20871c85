"""Adding known codes in tests."""

import itertools

from tests.support.creating import add_codes

NOW = 1_800_000_000_000


def fixed(*codes):
    """Mint these codes one after the other."""
    supply = iter(codes)
    return lambda count: list(itertools.islice(supply, count))


def add(store, *codes, brand="brand"):
    """Add codes individually: those of one call are reserved in a random order."""
    return [
        code
        for each in codes
        for code in add_codes(store, brand, "default", 1, fixed(each), NOW)[0]
    ]
