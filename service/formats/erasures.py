"""Lists of erasures: a line of JSON for each person who was erased, by the tombstone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from service.domain.erasure import is_tombstone
from service.domain.model import Millis


class Erasure(NamedTuple):
    """The erasure of a person, of whom the tombstone is known."""

    brand: str
    tombstone: str
    erased_at: Millis | None
    """`None` if no code shows when that was."""


_KINDS = {(str, str, int), (str, str, type(None))}
"""The types of the members, in the order in which they are written."""


class ErasureListError(ValueError):
    """A line is not that of an erasure.

    Args:
        line: Its number, starting at 1.
    """

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not an erasure")


def written(erasures: Iterable[Erasure]) -> Iterator[bytes]:
    """Yield the lines of a list."""
    for each in erasures:
        yield orjson.dumps(each._asdict(), option=orjson.OPT_APPEND_NEWLINE)


def read(lines: Iterable[bytes]) -> Iterator[Erasure]:
    """Yield the erasures of a list.

    Raises:
        ErasureListError: A line is not that of an erasure.
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield _erasure_of(orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise ErasureListError(number) from error


def _erasure_of(found: object) -> Erasure:
    """Return the erasure of an object.

    Raises:
        TypeError, ValueError: It is something else.
    """
    if not isinstance(found, dict):
        raise TypeError
    erasure = Erasure(**found)
    kinds = tuple(type(value) for value in erasure)
    if kinds not in _KINDS or not is_tombstone(erasure.tombstone):
        raise ValueError
    return erasure
