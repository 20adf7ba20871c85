"""The port of lapses: reservations that have ended by themselves."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from service.domain.model import Millis
from service.usecases.keys import PoolKey


class Lapsed(NamedTuple):
    """The number of codes that have lapsed in a step."""

    recycled: int = 0
    expired: int = 0


class DuePool(NamedTuple):
    """A campaign with codes that are due."""

    pool: PoolKey
    since: Millis
    """When the first of them was due."""


class DuePools(NamedTuple):
    """The due campaigns of a part of all."""

    pools: Sequence[DuePool]
    next: PoolKey | None
    """Where the next part begins; `None` after the last one."""


class Lapses(Protocol):
    """Reservations that have ended by themselves.

    Raises:
        Unavailable: The store cannot answer now.
    """

    def due(self, after: PoolKey, now: Millis) -> DuePools:
        """Search some campaigns after one, at a cost that does not grow with their codes."""

    def lapse(self, pool: PoolKey, now: Millis, most: int) -> Lapsed:
        """Let codes of a campaign lapse, those that were due first.

        What somebody else changes meanwhile is left out.
        """
