"""Taking a campaign's codes away, all of them, as they were at one moment."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from service.domain.model import CodeRow, State

ROWS_AT_ONCE = 1000
"""How many rows a part of an export has."""

Rows = Iterator[Sequence[CodeRow]]


class Exports(Protocol):
    """Where codes are read from.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    def codes(
        self, brand: str, campaign: str, state: State | None
    ) -> AbstractContextManager[tuple[int, Rows]]:
        """Lend a campaign's codes in `state` (`None`: all), in the order of its lists.

        All are of one moment, and are read as they are taken. While they are lent, the store keeps
        what it would else clean up: return them soon.

        Returns:
            About how many they are, and the codes, in parts of at most `ROWS_AT_ONCE`.
        """
