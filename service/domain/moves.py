"""The moves of codes: which states may follow each other, by what.

This is the one table: whatever writes a move is checked against it, and the document shows it.
What the clock alone does writes no code, so that its moves are in `service.domain.states`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from service.domain.model import State

_AVAILABLE, _RESERVED, _REDEEMED = State.AVAILABLE, State.RESERVED, State.REDEEMED
_EXPIRED, _DISABLED = State.EXPIRED, State.DISABLED
_NOT_REDEEMED = (_AVAILABLE, _RESERVED, _EXPIRED, _DISABLED)


class Cause(StrEnum):
    """What moves codes."""

    CLAIM = "claim"
    REDEMPTION = "redemption"
    UNDO = "undo"
    RELEASE = "release"
    LAPSE = "lapse"
    END = "end"
    LATER_END = "later end"
    DISABLING = "disabling"
    ENABLING = "enabling"
    ERASURE = "erasure"


class Transition(NamedTuple):
    """A row of the table; a code may also stay in its state."""

    number: int
    before: tuple[State, ...]
    after: tuple[State, ...]
    cause: Cause
    call: str
    """What callers do, for people."""
    scope: str | None = None
    """The scope of these calls, without its prefix."""


TRANSITIONS = (
    Transition(
        1,
        (_AVAILABLE,),
        (_RESERVED,),
        Cause.CLAIM,
        "fetch, `PUT …/reservations/{user}`",
        "reserve",
    ),
    Transition(
        2,
        (_RESERVED,),
        (_REDEEMED,),
        Cause.REDEMPTION,
        "`PUT …/redemption` by its holder",
        "redeem",
    ),
    Transition(
        3,
        (_AVAILABLE,),
        (_REDEEMED,),
        Cause.REDEMPTION,
        "the same, where `redeem_by` is `anyone`: claims for the user and redeems in one",
        "redeem",
    ),
    Transition(
        4,
        (_REDEEMED,),
        _NOT_REDEEMED,
        Cause.UNDO,
        "`DELETE …/redemption` by the reference that redeemed",
        "redeem",
    ),
    Transition(
        5,
        (_RESERVED, _EXPIRED),
        (_AVAILABLE,),
        Cause.RELEASE,
        "`DELETE …/reservations/{user}`, where `on_release` is `recycle`",
        "manage",
    ),
    Transition(
        5,
        (_RESERVED,),
        (_AVAILABLE,),
        Cause.LAPSE,
        "its own end, where `on_lapse` was `recycle`",
    ),
    Transition(
        6,
        (_RESERVED, _EXPIRED),
        (_DISABLED,),
        Cause.RELEASE,
        "`DELETE …/reservations/{user}`, where `on_release` is `retire`",
        "manage",
    ),
    Transition(
        7,
        (_RESERVED,),
        (_EXPIRED,),
        Cause.END,
        "its own end, or the campaign's; not while a checkout holds it",
    ),
    Transition(8, (_AVAILABLE,), (_EXPIRED,), Cause.END, "the campaign's end"),
    Transition(
        9,
        (_EXPIRED,),
        (_AVAILABLE, _RESERVED),
        Cause.LATER_END,
        "a later end of the campaign, or of the reservation",
        "manage",
    ),
    Transition(
        10,
        (_AVAILABLE, _RESERVED, _EXPIRED),
        (_DISABLED,),
        Cause.DISABLING,
        '`PATCH …/codes/{code}` with `"disabled": true`, and jobs',
        "manage",
    ),
    Transition(
        10,
        (_DISABLED,),
        (_AVAILABLE, _RESERVED, _EXPIRED),
        Cause.ENABLING,
        'the same with `"disabled": false`; not what was retired or erased',
        "manage",
    ),
    Transition(
        11,
        _NOT_REDEEMED,
        (_DISABLED,),
        Cause.ERASURE,
        "`DELETE …/users/{user}`; what is redeemed stays so, and its undo finds it disabled",
        "manage",
    ),
)
_ALLOWED = {
    (each.cause, before, after)
    for each in TRANSITIONS
    for before in each.before
    for after in each.after
}


def is_allowed(cause: Cause, before: State, after: State) -> bool:
    """Return whether the table has a move."""
    return before is after or (cause, before, after) in _ALLOWED


def table() -> str:
    """Return the table in Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| # | from | to | by | scope |"
    yield "|---|---|---|---|---|"
    for each in TRANSITIONS:
        before, after = ", ".join(each.before), ", ".join(each.after)
        scope = f"`discounts:{each.scope}`" if each.scope else "(the clock)"
        yield f"| {each.number} | {before} | {after} | {each.call} | {scope} |"
