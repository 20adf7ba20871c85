"""Changes of a code by whoever manages it: it is disabled or enabled, or its end is moved."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from service.domain.code_refusals import CodeRedeemed, NotReserved
from service.domain.erasure import is_tombstone
from service.domain.errors import Conflict, InputError, InvalidRequest
from service.domain.model import Millis, State
from service.domain.redeeming import with_state
from service.domain.states import DisabledBy, StoredCode


class NewEnd(NamedTuple):
    """The wanted end of a reservation, `None` for no end of its own."""

    expires_at: Millis | None


@dataclass(frozen=True, slots=True)
class CodeChange:
    """What a caller wants of a code; `None` leaves a fact alone."""

    disabled: bool | None = None
    end: NewEnd | None = None


def change_code(stored: StoredCode, change: CodeChange, now: Millis) -> StoredCode:
    """Return what is stored of a code after a change: all that is wanted, or nothing.

    Raises:
        CodeRedeemed, Conflict, NotReserved, InvalidRequest: The change is refused.
    """
    if stored.redeemed_at is not None:
        raise with_state(CodeRedeemed(), State.REDEEMED)
    if change.end is not None:
        stored = _with_end(stored, change.end.expires_at, now)
    if change.disabled is not None:
        stored = _with_switch(stored, now, disabled=change.disabled)
    return stored


def _with_end(stored: StoredCode, expires_at: Millis | None, now: Millis) -> StoredCode:
    """Return a code whose reservation has another end.

    Raises:
        NotReserved: Nobody has reserved it.
        InvalidRequest: The end would be in the past.
    """
    if stored.user is None or is_tombstone(stored.user) or stored.has_lapsed(now):
        raise NotReserved
    if expires_at is not None and expires_at < now and expires_at != stored.expires_at:
        raise InvalidRequest([InputError("/expires_at", "Must not be in the past.")])
    return replace(stored, expires_at=expires_at)


def _with_switch(stored: StoredCode, now: Millis, *, disabled: bool) -> StoredCode:
    """Return a code that is disabled by a call, or not any more.

    Raises:
        Conflict: It was retired, or its holder was erased, which no call takes back.
    """
    if stored.disabled_by not in {None, DisabledBy.CALL}:
        raise Conflict("The code was retired, or its holder was erased: it stays disabled.")
    if disabled is (stored.disabled_at is not None):
        return stored
    if disabled:
        whose = stored.nobodys() if stored.has_lapsed(now) else stored
        return replace(whose, disabled_at=now, disabled_by=DisabledBy.CALL)
    return replace(stored, disabled_at=None, disabled_by=None)
