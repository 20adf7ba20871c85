"""Redemptions: an order redeems a code once in its life, or never."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from service.domain import redeeming
from service.domain.erasure import Tombstones, no_tombstones
from service.domain.errors import RedemptionNotFound
from service.domain.model import Millis
from service.domain.moves import Cause
from service.domain.redeeming import Claimant, Order
from service.domain.redemptions import Redemption
from service.usecases.moving import facts_of, make_move, repeat_until_done
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.code_moves import CodeMoves, FoundCode, Move


class CodeRedemption(NamedTuple):
    """What a reference did with a code."""

    code: str
    campaign: str
    discount: Mapping[str, str] | None
    redemption: Redemption
    new: bool = False
    """Whether the code was redeemed now, or would be."""


class Undo(StrEnum):
    """What an undo found."""

    UNDONE = "undone"
    REPEATED = "repeated"
    EARLY = "early"
    """The redemption has not arrived, and never will be made."""


def redeem(
    moves: CodeMoves,
    brand: str,
    code: str,
    order: Order,
    *,
    dry_run: bool = False,
    tombstones: Tombstones = no_tombstones,
    clock: Clock = system_clock,
) -> CodeRedemption:
    """Redeem a code for an order, unless that has been done.

    Args:
        moves: The codes.
        brand: The brand.
        code: The code.
        order: The order, which redeems the code only once, however often it comes.
        dry_run: Whether nothing is changed.
        tombstones: Returns what stands for the user if they were erased.
        clock: The clock.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
        ServiceError: The redemption is refused.
    """

    def attempt() -> CodeRedemption | None:
        found, now = moves.find_code(brand, code, order.reference), clock()
        facts = facts_of(found)
        if found.redemption and redeeming.redeems_by(facts, order):
            return _shown(found, found.redemption)
        claims = redeeming.may_claim(facts, now)
        absent = tombstones(brand, order.user) if claims else ()
        other = moves.find_code_of_user(brand, found.campaign, order.user) if claims else None
        erased = any(moves.find_code_of_user(brand, found.campaign, each) for each in absent)
        claimant = Claimant(erased, _holds_another(found, other, now))
        after = redeeming.redeem(facts, order, now, claimant)
        redemption = Redemption(order.reference, order.user, now)
        if dry_run:
            return _shown(found, redemption, new=True)
        if other and other.code != found.code:  # lapsed, but the unique key has it as the user's
            make_move(moves, other, Move(other.stored.nobodys()), Cause.LAPSE, now)
            return None
        moved = make_move(moves, found, Move(after, redemption, absent), Cause.REDEMPTION, now)
        return _shown(found, redemption, new=True) if moved else None

    return repeat_until_done(attempt)


def undo(
    moves: CodeMoves, brand: str, code: str, reference: str, clock: Clock = system_clock
) -> Undo:
    """Undo a reference's redemption of a code, now and for ever, even if it has not arrived.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
    """

    def attempt() -> Undo | None:
        found, now = moves.find_code(brand, code, reference), clock()
        redemption = found.redemption
        if redemption is None:
            return Undo.EARLY if moves.refuse_reference(found, reference, now) else None
        if redemption.undone_at is not None:
            return Undo.REPEATED
        move = Move(redeeming.undo(facts_of(found)), replace(redemption, undone_at=now))
        return Undo.UNDONE if make_move(moves, found, move, Cause.UNDO, now) else None

    return repeat_until_done(attempt)


def show_redemption(moves: CodeMoves, brand: str, code: str, reference: str) -> CodeRedemption:
    """Return what a reference did with a code.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
        RedemptionNotFound: It did nothing.
    """
    found = moves.find_code(brand, code, reference)
    if found.redemption is None:
        raise RedemptionNotFound
    return _shown(found, found.redemption)


def _holds_another(found: FoundCode, other: FoundCode | None, now: Millis) -> bool:
    """Return whether the code that is stored as a user's is another one, and has not lapsed."""
    return other is not None and other.code != found.code and not other.stored.has_lapsed(now)


def _shown(found: FoundCode, redemption: Redemption, *, new: bool = False) -> CodeRedemption:
    return CodeRedemption(found.code, found.campaign, found.rules.discount, redemption, new)
