"""Releases: a user gives a code back."""

from collections.abc import Callable

from service.domain.campaigns import OnRelease
from service.domain.errors import ReservationNotFound
from service.domain.moves import Cause
from service.domain.releasing import release as released
from service.usecases.moving import make_move, repeat_until_done
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.code_moves import CodeMoves, FoundCode, Move

Precondition = Callable[[FoundCode], None]
"""Raises `PreconditionFailed` if the reservation is not the one that the caller expects."""


def no_precondition(_found: FoundCode) -> None:
    """Expect nothing."""


def release(
    moves: CodeMoves,
    brand: str,
    campaign: str,
    user: str,
    *,
    precondition: Precondition = no_precondition,
    clock: Clock = system_clock,
) -> OnRelease:
    """Release a user's code, and return what became of it.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        ReservationNotFound: The user holds nothing.
        PreconditionFailed: The precondition does not hold.
        CodeRedeemed, CodeHeld: The code cannot be given back now.
    """

    def attempt() -> OnRelease | None:
        found, now = moves.find_code_of_user(brand, campaign, user), clock()
        if found is None or found.stored.has_lapsed(now):
            raise ReservationNotFound
        precondition(found)
        move = Move(released(found.stored, found.rules, now))
        moved = make_move(moves, found, move, Cause.RELEASE, now)
        return found.rules.on_release if moved else None

    return repeat_until_done(attempt)
