"""Holds: a code stays reserved during a checkout."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from service.domain import redeeming
from service.domain.model import Millis
from service.domain.redeeming import DEFAULT_HOLD_S, Order
from service.domain.states import Hold
from service.usecases.moving import facts_of, repeat_until_done
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.code_moves import CodeMoves, FoundCode, Move


class HoldOutcome(StrEnum):
    """What the call of a hold found."""

    NEW = "new"
    EXTENDED = "extended"
    TAKEN_OVER = "taken_over"


class HeldCode(NamedTuple):
    """A code that an order holds."""

    code: str
    reference: str
    held_until: Millis
    discount: Mapping[str, str] | None
    outcome: HoldOutcome


def hold(
    moves: CodeMoves,
    brand: str,
    code: str,
    order: Order,
    ttl_s: int = DEFAULT_HOLD_S,
    *,
    take_over: bool = False,
    clock: Clock = system_clock,
) -> HeldCode:
    """Hold a user's code for an order, or move the end of its hold.

    Args:
        moves: The codes.
        brand: The brand.
        code: The code.
        order: The order.
        ttl_s: The seconds from now until the hold ends.
        take_over: Whether another order's hold becomes this one's.
        clock: The clock.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
        ServiceError: The hold is refused.
    """

    def attempt() -> HeldCode | None:
        found, now = moves.find_code(brand, code, order.reference), clock()
        held = redeeming.hold(facts_of(found), order, now, ttl_s, take_over=take_over)
        if not moves.move_code(found, Move(replace(found.stored, hold=held)), now):
            return None
        outcome = _outcome(found, order, now)
        return HeldCode(code, held.reference, held.until, found.rules.discount, outcome)

    return repeat_until_done(attempt)


def end_hold(
    moves: CodeMoves, brand: str, code: str, reference: str, clock: Clock = system_clock
) -> bool:
    """End a reference's hold, and return whether there was one.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
    """

    def attempt() -> bool | None:
        found, now = moves.find_code(brand, code), clock()
        if not _holds(found.stored.hold, reference, now):
            return False
        return moves.move_code(found, Move(replace(found.stored, hold=None)), now) or None

    return repeat_until_done(attempt)


def _holds(hold: Hold | None, reference: str, now: Millis) -> bool:
    return hold is not None and hold.is_live(now) and hold.reference == reference


def _outcome(found: FoundCode, order: Order, now: Millis) -> HoldOutcome:
    if not found.stored.is_held(now):
        return HoldOutcome.NEW
    extended = _holds(found.stored.hold, order.reference, now)
    return HoldOutcome.EXTENDED if extended else HoldOutcome.TAKEN_OVER
