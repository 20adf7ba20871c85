"""Exports: all codes of a campaign in one snapshot."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from service.domain.model import CodeRow, Millis, State

ROWS_AT_ONCE = 1000
"""Rows in a part of an export."""

Rows = Iterator[Sequence[CodeRow]]


class Export(NamedTuple):
    """The codes of one snapshot."""

    total: int
    """Their approximate number."""
    rows: Rows
    """The codes, in parts of at most `ROWS_AT_ONCE`, which are read on demand."""


class Exports(Protocol):
    """A source of codes.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    def codes(
        self, brand: str, campaign: str, state: State | None, now: Millis
    ) -> AbstractContextManager[Export]:
        """Yield a campaign's codes in `state` (`None`: all), in the order of its listings.

        While the snapshot is open, the store cannot clean up, so close it soon.
        """
