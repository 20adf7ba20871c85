"""Redemption, undo and holds: what is refused, and what is stored afterwards.

The functions decide from what was read, and store nothing. A refusal has the state of the code at
that moment.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar

from service.domain.campaigns import RedeemBy, Rules
from service.domain.code_refusals import (
    AlreadyHolds,
    CodeDisabled,
    CodeExpired,
    CodeHeld,
    CodeRedeemed,
    NotReserved,
    NotTheHolder,
    NotYetValid,
    RedemptionUndone,
)
from service.domain.errors import CampaignNotOpen, ServiceError, UserErased
from service.domain.model import Millis, State
from service.domain.redemptions import Redemption
from service.domain.states import Hold, StoredCode

MIN_HOLD_S, MAX_HOLD_S, DEFAULT_HOLD_S = 60, 86_400, 900
_LONGEST_HOLD = MAX_HOLD_S * 1000
"""From its begin, however often its end moves."""
RefusalT = TypeVar("RefusalT", bound=ServiceError)


class CodeFacts(NamedTuple):
    """What is known of a code: what is stored of it, and the rules of its campaign."""

    stored: StoredCode
    rules: Rules
    redemption: Redemption | None = None
    """What the reference of the call did with it."""

    def state(self, now: Millis) -> State:
        """Return the state that applies at a moment."""
        return self.stored.state(self.rules.ends_at, now)

    def is_nobodys(self, now: Millis) -> bool:
        """Return whether it has no holder, or none any more."""
        return self.stored.user is None or self.stored.has_lapsed(now)


class Order(NamedTuple):
    """The order of a user, at a checkout."""

    reference: str
    user: str


class Claimant(NamedTuple):
    """A user who might claim a code that is nobody's."""

    erased: bool = False
    holds_another: bool = False
    """Whether the user has another code of the campaign."""


NOBODY = Claimant()


def with_state(refusal: RefusalT, state: State) -> RefusalT:
    """Return a refusal that tells the state of the code."""
    refusal.members = {**refusal.members, "state": state}
    return refusal


def seconds_left(held: Hold, now: Millis) -> int:
    """Return how long a hold lasts, in whole seconds, rounded up."""
    return -(-(held.until - now) // 1000)


def redeems_by(facts: CodeFacts, order: Order) -> bool:
    """Return whether this very order has redeemed the code: the call is a repetition."""
    return (
        facts.stored.redeemed_at is not None
        and facts.redemption is not None
        and facts.redemption.undone_at is None
        and facts.redemption.user in {order.user, None}  # an erasure has removed the name
    )


def may_claim(facts: CodeFacts, now: Millis) -> bool:
    """Return whether a redemption would claim the code first, if nothing is refused before."""
    return facts.rules.redeem_by is RedeemBy.ANYONE and facts.is_nobodys(now)


def redeem(facts: CodeFacts, order: Order, now: Millis, claimant: Claimant = NOBODY) -> StoredCode:
    """Return what is stored of a code after its redemption.

    Raises:
        ServiceError: The redemption is refused.
    """
    _refuse_first(_refusals(facts, order, now, claimant), facts.state(now))
    stored = facts.stored
    if facts.is_nobodys(now):
        stored = replace(
            stored.nobodys(),
            user=order.user,
            reserved_at=now,
            expires_at=facts.rules.ends_of_reservation(now),
            on_lapse=facts.rules.on_lapse,
        )
    return replace(stored, redeemed_at=now, hold=None)


def undo(facts: CodeFacts) -> StoredCode:
    """Return what is stored of a code after the undo of its redemption: what was below."""
    return replace(facts.stored, redeemed_at=None)


def hold(
    facts: CodeFacts, order: Order, now: Millis, ttl_s: int, *, take_over: bool = False
) -> Hold:
    """Return the hold of a code that an order holds, or goes on holding.

    Raises:
        ServiceError: The hold is refused.
    """
    refusals = _refusals(facts, order, now, None, take_over=take_over)
    _refuse_first(refusals, facts.state(now))
    live = facts.stored.hold if facts.stored.is_held(now) else None
    began_at = live.began_at if live else now
    until = min(now + ttl_s * 1000, began_at + _LONGEST_HOLD)
    return Hold(order.reference, began_at, until)


def _refuse_first(refusals: Iterator[ServiceError], state: State) -> None:
    for refusal in refusals:
        raise with_state(refusal, state)


def _refusals(
    facts: CodeFacts,
    order: Order,
    now: Millis,
    claimant: Claimant | None,
    *,
    take_over: bool = False,
) -> Iterator[ServiceError]:
    """Yield why a code is refused, the first reason first.

    Args:
        facts: The code.
        order: Who wants it.
        now: This moment.
        claimant: Who would claim it if it is nobody's and anyone may redeem it; `None` if nobody.
        take_over: Whether another's hold does not count.
    """
    yield from _by_history(facts, order)
    held = facts.stored.hold
    if held and held.is_live(now) and held.reference != order.reference and not take_over:
        yield CodeHeld(seconds_left(held, now))
    if not facts.is_nobodys(now):
        if facts.stored.user != order.user:
            yield NotTheHolder()
    elif facts.state(now) is not State.EXPIRED:
        yield from _by_claim(facts.rules, now, claimant)
    if facts.rules.starts_at is not None and now < facts.rules.starts_at:
        yield NotYetValid()
    if facts.state(now) is State.EXPIRED:
        yield CodeExpired()


def _by_history(facts: CodeFacts, order: Order) -> Iterator[ServiceError]:
    redemption = facts.redemption
    if redemption and redemption.undone_at is not None:
        yield RedemptionUndone()
    if facts.stored.redeemed_at is not None:
        another_user = redemption and redemption.user not in {order.user, None}
        yield NotTheHolder() if another_user else CodeRedeemed()
    if facts.stored.disabled_at is not None:
        yield CodeDisabled()


def _by_claim(rules: Rules, now: Millis, claimant: Claimant | None) -> Iterator[ServiceError]:
    if claimant is None or rules.redeem_by is not RedeemBy.ANYONE:
        yield NotReserved()
    elif claimant.erased:
        yield UserErased()
    elif closed := rules.closed(now):
        yield CampaignNotOpen(closed)
    elif claimant.holds_another:
        yield AlreadyHolds()
