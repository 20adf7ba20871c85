"""Exports: all codes of a campaign in one snapshot."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from service.domain.model import CodeRow, State

ROWS_AT_ONCE = 1000
"""Rows in a part of an export."""

Rows = Iterator[Sequence[CodeRow]]


class Exports(Protocol):
    """A source of codes.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    def codes(
        self, brand: str, campaign: str, state: State | None
    ) -> AbstractContextManager[tuple[int, Rows]]:
        """Yield a campaign's codes in `state` (`None`: all), in the order of its listings.

        All codes are of one snapshot, and are read on demand. While the snapshot is open, the store
        cannot clean up, so close it soon.

        Returns:
            Their approximate number, and the codes, in parts of at most `ROWS_AT_ONCE`.
        """
