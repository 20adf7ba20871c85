"""Formats of the codes of a campaign, and how well codes of a format resist guessing."""

import os
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.domain import codes
from service.domain.check_character import check_character
from service.domain.errors import InputError

RANDOM = "#"
"""A random place of a pattern."""
MIN_RANDOM = 4
MIN_ALPHABET, MAX_ALPHABET = 8, 62
MOST_GUESSABLE = 10**6
"""More room for each code than this is hard to guess in."""
_LETTERS = frozenset(string.ascii_letters + string.digits)
_BYTE = 256


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """The format of a campaign's new codes.

    Args:
        pattern: The text of codes, with `#` for each random place.
        alphabet: The letters and digits of random places.
        check: Whether the last random place is a check character.
        accept_guessable: Whether codes may be easy to guess.
    """

    pattern: str
    alphabet: str = codes.ALPHABET
    check: bool = False
    accept_guessable: bool = False

    @property
    def length(self) -> int:
        """The number of places that are drawn."""
        return self.pattern.count(RANDOM) - self.check

    @property
    def space(self) -> int:
        """The number of possible codes."""
        return int(len(self.alphabet) ** self.length)

    def faults(self) -> Iterator[InputError]:
        """Yield what is wrong with the format; pointers are relative to it."""
        if fault := self._fault_of_pattern():
            yield InputError("/pattern", fault)
        letters = set(self.alphabet)
        if not (letters <= _LETTERS and MIN_ALPHABET <= len(letters) == len(self.alphabet)):
            yield InputError(
                "/alphabet",
                f"Must have {MIN_ALPHABET} to {MAX_ALPHABET} distinct letters and digits.",
            )
        elif self.check and self.alphabet != codes.ALPHABET:
            yield InputError("/check", "Needs the default alphabet.")

    def _fault_of_pattern(self) -> str | None:
        if not codes.is_code(self.pattern.replace(RANDOM, "0")):
            return (
                f"Must have {codes.MIN_LENGTH} to {codes.MAX_LENGTH} of A-Z, a-z, 0-9, '-' and "
                "'#', and no '-' at either end."
            )
        if self.pattern.count(RANDOM) < MIN_RANDOM:
            return f"Must have at least {MIN_RANDOM} random places, written '#'."
        return None

    def mint(self, count: int) -> Sequence[str]:
        """Return `count` random codes, each as likely as every other; some may be the same."""
        parts = self.pattern.split(RANDOM)
        letters = _draw(self.alphabet, count * self.length)
        return [
            self._fill(parts, letters[at : at + self.length])
            for at in range(0, count * self.length, self.length)
        ]

    def _fill(self, parts: Sequence[str], letters: str) -> str:
        if self.check:
            letters += check_character(letters)
        return parts[0] + "".join(
            letter + part for letter, part in zip(letters, parts[1:], strict=True)
        )


DEFAULT = CodeFormat(RANDOM * codes.LENGTH)
"""The format of campaigns without one."""


def _draw(alphabet: str, count: int) -> str:
    """Return random letters; bytes beyond the last multiple of the alphabet's size are not used."""
    fair = _BYTE - _BYTE % len(alphabet)
    table = bytes(ord(alphabet[value % len(alphabet)]) for value in range(_BYTE))
    unfair = bytes(range(fair, _BYTE))
    drawn = b""
    while len(drawn) < count:
        drawn += os.urandom(count - len(drawn)).translate(table, unfair)
    return drawn.decode("ascii")


class Guess(NamedTuple):
    """How well codes resist guessing, in exact integers."""

    space_bits: int
    """The whole bits of the number of possible codes."""
    codes: int
    """The number of codes, at least one."""
    one_guess: int
    """One guess in so many hits a code."""


def guess(form: CodeFormat | None, count: int) -> Guess:
    """Return how well `count` codes of a format resist guessing."""
    space, count = (form or DEFAULT).space, max(1, count)
    return Guess(space.bit_length() - 1, count, space // count)


def has_room(form: CodeFormat | None, count: int) -> bool:
    """Return whether a format has room for so many codes; half of it stays free."""
    return form is None or form.space >= 2 * max(1, count)


def is_guessable(form: CodeFormat | None, count: int) -> bool:
    """Return whether codes are too easy to guess for a campaign that has not accepted that."""
    if form is None or form.accept_guessable:
        return False
    return max(1, count) * MOST_GUESSABLE > form.space
