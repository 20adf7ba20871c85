"""Looking up one code: what it is now, and whose."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from service.domain.codes import is_code
from service.domain.erasure import is_tombstone
from service.domain.errors import CodeNotFound, ReservationNotFound, UserErased
from service.domain.model import Millis, State
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.code_moves import CodeMoves, FoundCode
from service.usecases.ports.store import Store

NO_CODE = ""
"""A text that is no brand's code."""


class Match(StrEnum):
    """How a text is matched with codes, if not exactly."""

    TYPED = "typed"
    """As a person typed it."""


@dataclass(frozen=True, slots=True)
class CodeDetails:
    """A code at a moment, with what a checkout needs of its campaign; without its holder."""

    code: str
    state: State
    created_at: Millis
    reserved_at: Millis | None
    expires_at: Millis | None
    campaign: str
    discount: Mapping[str, str] | None
    starts_at: Millis | None
    redeemed_at: Millis | None
    held_until: Millis | None
    """The end of the hold that keeps it reserved now, if there is one."""
    code_id: str
    version: int


class Holder(NamedTuple):
    """The user who holds a code."""

    user: str
    campaign: str
    reserved_at: Millis


def look_up(
    moves: CodeMoves,
    brand: str,
    code: str,
    match: Match | None = None,
    clock: Clock = system_clock,
) -> CodeDetails:
    """Return a code of a brand.

    Args:
        moves: The codes.
        brand: The brand's name.
        code: The code, or what a person typed.
        match: How the text is matched, by default exactly.
        clock: Returns the current time.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
    """
    found = moves.find_code(brand, code) if match is None else _find_typed(moves, brand, code)
    return details_of(found, clock())


def look_up_in_campaign(
    moves: CodeMoves,
    store: Store,
    brand: str,
    campaign: str,
    code: str,
    clock: Clock = system_clock,
) -> CodeDetails:
    """Return a code of a campaign.

    Raises:
        BrandNotFound, CampaignNotFound, CodeNotFound: There is no such code.
    """
    return details_of(find_in_campaign(moves, store, brand, campaign, code), clock())


def find_in_campaign(
    moves: CodeMoves, store: Store, brand: str, campaign: str, code: str
) -> FoundCode:
    """Return what is stored of a code of a campaign.

    Raises:
        BrandNotFound, CampaignNotFound, CodeNotFound: There is no such code.
    """
    try:
        found = moves.find_code(brand, code)
    except CodeNotFound:
        store.require_campaign(brand, campaign)
        raise
    if found.campaign != campaign:
        store.require_campaign(brand, campaign)
        raise CodeNotFound
    return found


def show_holder(moves: CodeMoves, brand: str, code: str, clock: Clock = system_clock) -> Holder:
    """Return who holds a code.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
        ReservationNotFound: Nobody holds it.
        UserErased: Its holder was erased.
    """
    found = moves.find_code(brand, code)
    stored = found.stored
    if stored.user is None or stored.reserved_at is None or stored.has_lapsed(clock()):
        raise ReservationNotFound
    if is_tombstone(stored.user):
        raise UserErased
    return Holder(stored.user, found.campaign, stored.reserved_at)


def details_of(found: FoundCode, now: Millis) -> CodeDetails:
    """Return what a code is at a moment."""
    stored, rules = found.stored, found.rules
    state = found.state(now)
    held = state is State.RESERVED and stored.is_held(now)
    return CodeDetails(
        code=found.code,
        state=state,
        created_at=found.created_at,
        reserved_at=None if stored.has_lapsed(now) else stored.reserved_at,
        expires_at=found.expires_at(now),
        campaign=found.campaign,
        discount=rules.discount,
        starts_at=rules.starts_at,
        redeemed_at=stored.redeemed_at,
        held_until=stored.hold.until if stored.hold and held else None,
        code_id=found.code_id,
        version=stored.version,
    )


def _find_typed(moves: CodeMoves, brand: str, text: str) -> FoundCode:
    """Return the code that a person typed, with blanks anywhere, and in any case.

    Raises:
        BrandNotFound, CodeNotFound: There is no such code.
    """
    typed = "".join(text.split())
    if not is_code(typed):
        return moves.find_code(brand, NO_CODE)
    try:
        return moves.find_code(brand, typed)
    except CodeNotFound:
        if typed == typed.upper():
            raise
    return moves.find_code(brand, typed.upper())
