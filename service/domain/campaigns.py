"""Campaigns, and their rules: what may be done with their codes, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from service.domain.code_formats import CodeFormat
from service.domain.errors import Closed
from service.domain.model import Counts, Millis, State


class OnLapse(StrEnum):
    """What becomes of a code whose reservation has ended by itself."""

    EXPIRE = "expire"
    RECYCLE = "recycle"


class OnRelease(StrEnum):
    """What becomes of a code that is released."""

    RETIRE = "retire"
    RECYCLE = "recycle"


class RedeemBy(StrEnum):
    """Who may redeem a code."""

    HOLDER = "holder"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a campaign; those of `default` unless somebody sets others.

    Args:
        discount: What a code is worth, as its caller wrote it.
        claims_from: When codes are first handed out.
        starts_at: When codes are first good.
        ends_at: When the campaign ends.
        reservation_ttl_s: How long a reservation lasts, in seconds.
        on_lapse: What becomes of a code whose reservation has ended by itself.
        on_release: What becomes of a code that is released.
        redeem_by: Who may redeem a code.
        code_format: The format of new codes; `None` is the default one.
        low_at: Numbers of available codes at which an event is due.
        reserved_events: Whether each reservation is an event.
        paused: Whether no codes are handed out for the time being.
        archived: Whether the campaign is over for good.
        metadata: What its caller keeps with it.
    """

    discount: Mapping[str, str] | None = None
    claims_from: Millis | None = None
    starts_at: Millis | None = None
    ends_at: Millis | None = None
    reservation_ttl_s: int | None = None
    on_lapse: OnLapse = OnLapse.EXPIRE
    on_release: OnRelease = OnRelease.RETIRE
    redeem_by: RedeemBy = RedeemBy.HOLDER
    code_format: CodeFormat | None = None
    low_at: Sequence[int] = ()
    reserved_events: bool = False
    paused: bool = False
    archived: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def claims_are_open(self, now: Millis) -> bool:
        """Return whether codes could have been handed out by now: their terms are fixed."""
        return self.claims_from is None or self.claims_from <= now

    def has_ended(self, now: Millis) -> bool:
        """Return whether the campaign has ended."""
        return self.ends_at is not None and self.ends_at <= now

    def closed(self, now: Millis) -> Closed | None:
        """Return why no codes are handed out now, if so."""
        if self.archived:
            return Closed.ARCHIVED
        if self.has_ended(now):
            return Closed.ENDED
        if not self.claims_are_open(now):
            return Closed.EARLY
        return Closed.PAUSED if self.paused else None

    def ends_of_reservation(self, now: Millis) -> Millis | None:
        """Return when a reservation that is made now ends by itself."""
        if self.reservation_ttl_s is None:
            return None
        return now + self.reservation_ttl_s * 1000


@dataclass(frozen=True, slots=True)
class Campaign:
    """A pool of codes of one brand."""

    brand: str
    name: str
    created_at: Millis
    archived: bool = False


class CampaignWithCounts(NamedTuple):
    """A campaign with its rules, and the number of its codes in each state."""

    campaign: Campaign
    rules: Rules
    counts: Counts
    """As they are stored, without the end of the campaign."""

    def counts_at(self, now: Millis) -> Counts:
        """Return the number of codes in each state: after the end, none can be had or held."""
        if not self.rules.has_ended(now):
            return self.counts
        over = {State.AVAILABLE: 0, State.RESERVED: 0}
        gone = sum(self.counts[state] for state in over)
        return {**self.counts, **over, State.EXPIRED: self.counts[State.EXPIRED] + gone}


def earlier(*ends: Millis | None) -> Millis | None:
    """Return the first of some ends, `None` where there is none."""
    return min((end for end in ends if end is not None), default=None)
