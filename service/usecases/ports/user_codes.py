"""What is stored of a user, as an erasure reads it."""

from typing import NamedTuple

from service.domain.model import Millis, State
from service.domain.states import StoredCode
from service.usecases.keys import PoolKey


class StoredUserCode(NamedTuple):
    """A code that is stored as a user's."""

    pool: PoolKey
    code: str
    counted_as: State
    stored: StoredCode

    def is_until(self, moment: Millis | None) -> bool:
        """Return whether it was reserved until a moment (`None`: at any time)."""
        reserved_at = self.stored.reserved_at
        return moment is None or reserved_at is None or reserved_at <= moment


class UserRedemption(NamedTuple):
    """What a user did with a code, by its key."""

    code: str
    reference: str
    redeemed_at: Millis | None

    def is_until(self, moment: Millis | None) -> bool:
        """Return whether it was done until a moment (`None`: at any time)."""
        return moment is None or self.redeemed_at is None or self.redeemed_at <= moment
