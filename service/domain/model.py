"""The nouns: states of a code, and what a caller is told about brands, pools and codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class State(StrEnum):
    """What a code is. It moves `available → reserved → redeemed`, or is taken out of use."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    DISABLED = "disabled"


HELD = (State.RESERVED, State.REDEEMED)
"""The states of a code that is somebody's."""
Counts = Mapping[State, int]
"""How many codes are in each state; every state is there."""
Millis = int
"""A moment, in milliseconds since 1970-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A tenant."""

    name: str
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Campaign:
    """A pool of codes of one brand."""

    brand: str
    name: str
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Code:
    """A code as its brand sees it; who holds it is not part of it."""

    code: str
    state: State
    created_at: Millis
    reserved_at: Millis | None
    expires_at: Millis | None


CodeRow = tuple[str, str, Millis, Millis | None, Millis | None]
"""A code as a plain row, for whoever reads millions: the members of `Code`, in their order."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The one code that a user holds in a campaign."""

    code: str
    state: State
    reserved_at: Millis
    expires_at: Millis | None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The identity of a request (draft-ietf-httpapi-idempotency-key-header)."""

    key: bytes
    """Digest of the caller, the method, the path and the caller's key."""
    fingerprint: bytes
    """Digest of what the request asks for."""


class AnswerKind(StrEnum):
    """What a stored answer names."""

    CODES = "codes"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a listing; `more` says that another part follows its last item."""

    items: Sequence[Item]
    more: bool


class Level(NamedTuple):
    """How many codes a campaign has left."""

    brand: str
    campaign: str
    available: int
    taken: int
    """Those that are not available any more."""


class Levels(NamedTuple):
    """The levels that matter most, and the sums of all."""

    shown: Sequence[Level]
    pools: int
    """How many campaigns there are."""
    available: int
    taken: int

    @property
    def left_out(self) -> int:
        """How many campaigns are not shown."""
        return self.pools - len(self.shown)


class Room(NamedTuple):
    """How much the database may still grow, in bytes."""

    disk: int
    """Free on its disk."""
    reusable: int
    """In the database itself, where something was deleted."""
    reserve: int
    """What is kept for reservations."""

    @property
    def low(self) -> bool:
        """Whether there is less than the reserve."""
        return self.lacks(0)

    def lacks(self, wanted: int) -> bool:
        """Say whether there would be less than the reserve without `wanted` bytes.

        SQLite never gives space back to its disk, so what it can use again counts as well; but
        half of the reserve has to be free on the disk, for the write-ahead log.
        """
        left = self.disk + self.reusable - wanted
        return left < self.reserve or self.disk < self.reserve // 2
