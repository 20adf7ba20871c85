"""The port of a code's moves: reading what is stored of it, and changing that if nobody else did.

A use case reads a code, decides what becomes of it, and moves it. A move is one atomic step on the
condition that neither the code nor the rules of its campaign have changed since they were read;
otherwise the use case reads again, and answers what is there.
"""

from typing import NamedTuple, Protocol

from service.domain.campaigns import Rules, earlier
from service.domain.code_ids import code_id
from service.domain.model import Millis, State
from service.domain.redemptions import Redemption
from service.domain.states import StoredCode
from service.usecases.keys import PoolKey


class FoundCode(NamedTuple):
    """A code as it was read, with the rules of its campaign."""

    pool: PoolKey
    campaign: str
    code: str
    created_at: Millis
    counted_as: State
    """The state in which the counts have it: the clock may have changed it since."""
    stored: StoredCode
    rules: Rules
    rules_version: int
    redemption: Redemption | None = None
    """What the reference that was asked about did with the code."""
    brand_key: bytes = b""
    """The key of the ids of the brand's codes."""

    @property
    def code_id(self) -> str:
        """The id of the code, which does not show the code."""
        return code_id(self.brand_key, self.code)

    def state(self, now: Millis) -> State:
        """Return the state that applies at a moment."""
        return self.stored.state(self.rules.ends_at, now)

    def expires_at(self, now: Millis) -> Millis | None:
        """Return the first of the ends of the reservation and of the campaign."""
        own = None if self.stored.has_lapsed(now) else self.stored.expires_at
        return earlier(own, self.rules.ends_at)


class Move(NamedTuple):
    """A change of a code."""

    after: StoredCode
    """What is stored afterwards, except the version, which is the next."""
    redemption: Redemption | None = None
    """What its reference did with the code afterwards."""
    absent: tuple[str, ...] = ()
    """Users none of whom may hold a code of the campaign."""


class CodeMoves(Protocol):
    """The codes of a store, of which each can be moved.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    def find_code(self, brand: str, code: str, reference: str | None = None) -> FoundCode:
        """Return a code of a brand, with what a reference did with it.

        Raises:
            CodeNotFound: The brand has no such code.
        """

    def find_code_of_user(self, brand: str, campaign: str, user: str) -> FoundCode | None:
        """Return the code of a campaign that is stored as a user's, whatever its state."""

    def move_code(self, found: FoundCode, move: Move, now: Millis) -> bool:
        """Move a code as it was found, and return when that is durable.

        Returns:
            Whether it was moved. Otherwise nothing was changed: the code or the rules are not as
            they were found, the reference has been used, or the new holder has another code.
        """

    def refuse_reference(self, found: FoundCode, reference: str, now: Millis) -> bool:
        """Record that a reference never redeems a code.

        Returns:
            Whether it was recorded; not if the reference has been used.
        """
