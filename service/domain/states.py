"""The state of a code at a moment, from what is stored of it and of its campaign."""

from dataclasses import dataclass, replace
from enum import StrEnum

from service.domain.campaigns import OnLapse, earlier
from service.domain.model import Millis, State


class DisabledBy(StrEnum):
    """Why a code is disabled."""

    CALL = "call"
    """Somebody disabled it, and may enable it again."""
    RELEASE = "release"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on a code during a checkout."""

    reference: str
    began_at: Millis
    until: Millis

    def is_live(self, now: Millis) -> bool:
        """Return whether it still holds."""
        return now < self.until


@dataclass(frozen=True, slots=True)
class StoredCode:
    """What is stored of a code; each fact stands by itself, so that undoing one shows the next.

    Args:
        user: Its holder.
        reserved_at: When the holder got it.
        expires_at: The reservation's own end.
        on_lapse: What becomes of the code then, by the rules when the reservation was made.
        redeemed_at: When it was redeemed.
        disabled_at: When it was disabled.
        disabled_by: Why it was disabled.
        hold: The last hold, live or not.
        version: The number of its written transitions.
    """

    user: str | None = None
    reserved_at: Millis | None = None
    expires_at: Millis | None = None
    on_lapse: OnLapse = OnLapse.EXPIRE
    redeemed_at: Millis | None = None
    disabled_at: Millis | None = None
    disabled_by: DisabledBy | None = None
    hold: Hold | None = None
    version: int = 0

    def is_held(self, now: Millis) -> bool:
        """Return whether a checkout holds it."""
        return self.hold is not None and self.hold.is_live(now)

    def stored_state(self) -> State:
        """Return the state without the clock."""
        if self.redeemed_at is not None:
            return State.REDEEMED
        if self.disabled_at is not None:
            return State.DISABLED
        return State.AVAILABLE if self.user is None else State.RESERVED

    def nobodys(self) -> "StoredCode":
        """Return what is stored when its holder is gone, with the reservation's end and hold."""
        return replace(
            self,
            user=None,
            reserved_at=None,
            expires_at=None,
            on_lapse=OnLapse.EXPIRE,
            hold=None,
        )

    def erased(self, tombstone: str, now: Millis) -> "StoredCode":
        """Return what is stored when its holder is erased."""
        return replace(
            self,
            user=tombstone,
            disabled_at=now,
            disabled_by=DisabledBy.ERASURE,
            hold=None,
        )

    def has_lapsed(self, now: Millis) -> bool:
        """Return whether its reservation has ended by itself, so that it is nobody's again."""
        return (
            self.on_lapse is OnLapse.RECYCLE
            and self.redeemed_at is None
            and self.disabled_at is None
            and self._own_end_is_past(now)
        )

    def state(self, ends_at: Millis | None, now: Millis) -> State:
        """Return the first state that applies.

        Args:
            ends_at: The end of its campaign.
            now: The moment that is asked about.
        """
        state = self.stored_state()
        if state in {State.REDEEMED, State.DISABLED}:
            return state
        lapsed = self.has_lapsed(now)
        end = earlier(None if lapsed else self.expires_at, ends_at)
        if end is not None and end <= now and not self.is_held(now):
            return State.EXPIRED
        return State.AVAILABLE if lapsed else state

    def _own_end_is_past(self, now: Millis) -> bool:
        return self.expires_at is not None and self.expires_at <= now and not self.is_held(now)
