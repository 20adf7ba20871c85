"""The model: brands, campaigns, codes, reservations, and their states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class State(StrEnum):
    """The state of a code: `available → reserved → redeemed`, or taken out of use."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    DISABLED = "disabled"


HELD = (State.RESERVED, State.REDEEMED)
"""The states of a code that is somebody's."""
Counts = Mapping[State, int]
"""The number of codes in each state, with all states."""
Millis = int
"""A time in milliseconds since 1970-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A tenant."""

    name: str
    created_at: Millis


class BrandWithCounts(NamedTuple):
    """A brand, and the number of its codes in each state."""

    brand: Brand
    counts: Counts


@dataclass(frozen=True, slots=True)
class Code:
    """A code, without its holder."""

    code: str
    state: State
    created_at: Millis
    reserved_at: Millis | None
    expires_at: Millis | None
    redeemed_at: Millis | None = None
    version: int = 0


CodeRow = Sequence[Any]
"""A code as a row, which begins with the fields of `Code` in their order: faster for millions."""


class Reservation(NamedTuple):
    """The one code that a user holds in a campaign, as it is at a moment."""

    code: str
    state: State
    reserved_at: Millis
    expires_at: Millis | None
    version: int
    """The number of the code's written transitions."""


@dataclass(slots=True)
class ReservationResult:
    """A user's reservation, which was made now or earlier."""

    reservation: Reservation
    new: bool
    """Whether it was made now."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The identity of a request (draft-ietf-httpapi-idempotency-key-header)."""

    key: bytes
    """Digest of the caller, the method, the path and the caller's key."""
    fingerprint: bytes
    """Digest of what the request asks for."""


class AnswerKind(StrEnum):
    """The kind of a stored answer."""

    CODES = "codes"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a listing; `more` means that another page follows."""

    items: Sequence[Item]
    more: bool


class Level(NamedTuple):
    """The number of a campaign's available and taken codes."""

    brand: str
    campaign: str
    available: int
    taken: int
    """Codes that are not available any more."""


class Levels(NamedTuple):
    """The most relevant levels, and the sums over all campaigns."""

    shown: Sequence[Level]
    pools: int
    """Number of campaigns."""
    available: int
    taken: int

    @property
    def left_out(self) -> int:
        """Number of campaigns that are not shown."""
        return self.pools - len(self.shown)


class DiskSpace(NamedTuple):
    """The space into which the database may grow, in bytes."""

    disk: int
    """Free on its disk."""
    reusable: int
    """Reusable space of deleted rows in the database."""
    reserve: int
    """Space that is reserved for reservations."""

    @property
    def low(self) -> bool:
        """Whether there is less space than the reserve."""
        return self.lacks(0)

    def lacks(self, wanted: int) -> bool:
        """Return whether there would be less space than the reserve after `wanted` bytes.

        SQLite never returns space to the disk, so its reusable space counts as well; but half of
        the reserve has to be free on the disk, for the write-ahead log.
        """
        left = self.disk + self.reusable - wanted
        return left < self.reserve or self.disk < self.reserve // 2
