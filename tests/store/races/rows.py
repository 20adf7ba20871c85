"""The race table: who commits first, and what the other hears."""

from typing import Any, NamedTuple

from service.api.problems.catalogue import problem_type
from service.domain.campaigns import OnLapse, OnRelease, RedeemBy, Rules
from service.domain.code_refusals import (
    AlreadyHolds,
    CodeDisabled,
    CodeExpired,
    CodeHeld,
    CodeRedeemed,
    NotReserved,
    NotTheHolder,
    RedemptionUndone,
)
from service.domain.errors import ReservationNotFound, UserErased
from service.domain.model import State
from service.usecases.holds import HoldOutcome
from service.usecases.redemptions import Undo
from tests.store.races.shop import OTHER, Act, Shop
from tests.store.repositories.adding import NOW

RECYCLE = Rules(on_release=OnRelease.RECYCLE)
LAPSING = Rules(on_lapse=OnLapse.RECYCLE, reservation_ttl_s=60)
ANYONE = Rules(redeem_by=RedeemBy.ANYONE)
RETIRE = Rules()
LATER = NOW + 60_000


class Row(NamedTuple):
    """Two concurrent calls on a code that `u` holds."""

    first: str
    second: str
    first_act: Act
    second_act: Act
    hears: Any
    """The result of the second, or its refusal."""
    state: State
    """Of the code, at last."""
    rules: Rules = RETIRE
    before: Act = lambda _: None
    """What was done before either."""


def redeem(reference: str = "a", user: str = "u") -> Act:
    return lambda shop: shop.redeem(reference, user)


def undo(reference: str = "a") -> Act:
    return lambda shop: shop.undo(reference)


def hold(reference: str = "a", *, take_over: bool = False) -> Act:
    return lambda shop: shop.hold(reference, take_over=take_over)


def end_hold(reference: str = "a") -> Act:
    return lambda shop: shop.end_hold(reference)


def all_of(*acts: Act) -> Act:
    def act(shop: Shop) -> None:
        for each in acts:
            each(shop)

    return act


def release(shop: Shop) -> Any:
    return shop.release()


def claimed_by_v_after_its_end(shop: Shop) -> None:
    shop.now = LATER
    shop.lapse()
    shop.change(user="v", reserved_at=LATER)
    shop.now = NOW


def freed(shop: Shop) -> None:
    """Make the code nobody's, and let others have the other one."""
    shop.change(user=None, reserved_at=None)


def ended(shop: Shop) -> None:
    shop.set_rules(Rules(ends_at=NOW))


REDEEMED, RESERVED, DISABLED = State.REDEEMED, State.RESERVED, State.DISABLED
AVAILABLE, EXPIRED = State.AVAILABLE, State.EXPIRED
DONE, NOTHING_NEW = True, False
UNDONE_AND_REDEEMED_AGAIN = all_of(undo(), redeem("b"))

ROWS = [
    Row("redeem", "redeem by another order", redeem("b"), redeem(), CodeRedeemed, REDEEMED),
    Row("redeem", "the same redeem", redeem(), redeem(), NOTHING_NEW, REDEEMED),
    Row("undo, before it arrives", "redeem", undo(), redeem(), RedemptionUndone, RESERVED),
    Row("redeem", "undo, before it arrives", redeem(), undo(), Undo.UNDONE, RESERVED),
    Row("undo", "the same undo", undo(), undo(), Undo.REPEATED, RESERVED, before=redeem()),
    Row("undo, before it arrives", "the same undo", undo(), undo(), Undo.REPEATED, RESERVED),
    Row(
        "redeem and undo",
        "the same redeem",
        all_of(redeem(), undo()),
        redeem(),
        RedemptionUndone,
        RESERVED,
    ),
    Row(
        "redeem and undo by another order",
        "redeem",
        all_of(redeem("b"), undo("b")),
        redeem(),
        DONE,
        REDEEMED,
    ),
    Row(
        "undo, and redeem by another order",
        "the same undo",
        UNDONE_AND_REDEEMED_AGAIN,
        undo(),
        Undo.REPEATED,
        REDEEMED,
        before=redeem(),
    ),
    Row("release, retiring", "redeem", release, redeem(), CodeDisabled, DISABLED),
    Row("release, recycling", "redeem", release, redeem(), NotReserved, AVAILABLE, RECYCLE),
    Row("release, recycling", "hold", release, hold(), NotReserved, AVAILABLE, RECYCLE),
    Row("release", "the same release", release, release, ReservationNotFound, DISABLED),
    Row("redeem", "release", redeem(), release, CodeRedeemed, REDEEMED),
    Row("hold", "release", hold(), release, CodeHeld, RESERVED),
    Row(
        "release, and claim by another user",
        "the same release",
        all_of(release, lambda shop: shop.change(user="v", reserved_at=NOW)),
        release,
        ReservationNotFound,
        RESERVED,
        RECYCLE,
    ),
    Row(
        "release, and claim by another user",
        "redeem",
        all_of(release, lambda shop: shop.change(user="v", reserved_at=NOW)),
        redeem(),
        NotTheHolder,
        RESERVED,
        RECYCLE,
    ),
    Row("disable", "redeem", Shop.disable, redeem(), CodeDisabled, DISABLED),
    Row("disable", "hold", Shop.disable, hold(), CodeDisabled, DISABLED),
    Row("redeem", "disable", redeem(), Shop.disable, CodeRedeemed, REDEEMED),
    Row("hold", "disable", hold(), Shop.disable, DISABLED, DISABLED),
    Row("disable", "the same disable", Shop.disable, Shop.disable, DISABLED, DISABLED),
    Row("disable", "release", Shop.disable, release, OnRelease.RETIRE, DISABLED),
    Row("hold", "redeem by another order", hold("b"), redeem(), CodeHeld, RESERVED),
    Row("redeem", "hold by another order", redeem("b"), hold(), CodeRedeemed, REDEEMED),
    Row("hold", "redeem by the same order", hold(), redeem(), DONE, REDEEMED),
    Row("redeem", "hold by the same order", redeem(), hold(), CodeRedeemed, REDEEMED),
    Row("hold", "hold by another order", hold("b"), hold(), CodeHeld, RESERVED),
    Row("hold", "the same hold", hold(), hold(), HoldOutcome.EXTENDED, RESERVED),
    Row(
        "hold",
        "hold by another order that takes it over",
        hold("b"),
        hold(take_over=True),
        HoldOutcome.TAKEN_OVER,
        RESERVED,
    ),
    Row(
        "hold that takes it over",
        "end of the first hold",
        hold("b", take_over=True),
        end_hold(),
        NOTHING_NEW,
        RESERVED,
        before=hold(),
    ),
    Row(
        "hold that takes it over",
        "redeem by the first order",
        hold("b", take_over=True),
        redeem(),
        CodeHeld,
        RESERVED,
        before=hold(),
    ),
    Row("end of a hold", "redeem", end_hold(), redeem(), DONE, REDEEMED, before=hold()),
    Row("redeem", "end of the hold", redeem(), end_hold(), NOTHING_NEW, REDEEMED, before=hold()),
    Row("lapse, recycling", "redeem", Shop.lapse, redeem(), NotReserved, AVAILABLE, LAPSING),
    Row("lapse, recycling", "hold", Shop.lapse, hold(), NotReserved, AVAILABLE, LAPSING),
    Row(
        "lapse, and claim by another user",
        "redeem",
        claimed_by_v_after_its_end,
        redeem(),
        NotTheHolder,
        RESERVED,
        LAPSING,
    ),
    Row(
        "lapse, and claim by another user",
        "release",
        claimed_by_v_after_its_end,
        release,
        ReservationNotFound,
        RESERVED,
        LAPSING,
    ),
    Row("an earlier end", "redeem", ended, redeem(), CodeExpired, EXPIRED),
    Row("erasure", "redeem", Shop.erase, redeem(), CodeDisabled, DISABLED),
    Row("erasure", "hold", Shop.erase, hold(), CodeDisabled, DISABLED),
    Row("erasure", "release", Shop.erase, release, ReservationNotFound, DISABLED),
    Row("erasure", "undo", Shop.erase, undo(), Undo.UNDONE, DISABLED, before=redeem()),
    Row(
        "redeem by anyone",
        "redeem by anyone else",
        redeem("b", "v"),
        redeem(),
        CodeRedeemed,
        REDEEMED,
        ANYONE,
        freed,
    ),
    Row(
        "claim by another user",
        "redeem by anyone",
        lambda shop: shop.change(user="v", reserved_at=NOW),
        redeem(),
        NotTheHolder,
        RESERVED,
        ANYONE,
        freed,
    ),
    Row(
        "claim of another code",
        "redeem by anyone",
        lambda shop: shop.change(OTHER, user="u", reserved_at=NOW),
        redeem(),
        AlreadyHolds,
        AVAILABLE,
        ANYONE,
        freed,
    ),
    Row(
        "claim of another code, and erasure",
        "redeem by anyone",
        all_of(
            lambda shop: shop.change(OTHER, user="u", reserved_at=NOW),
            lambda shop: shop.erase(OTHER),
        ),
        redeem(),
        UserErased,
        AVAILABLE,
        ANYONE,
        freed,
    ),
    Row(
        "rules by which only holders redeem",
        "redeem by anyone",
        lambda shop: shop.set_rules(RETIRE),
        redeem(),
        NotReserved,
        AVAILABLE,
        ANYONE,
        freed,
    ),
]

_RESULTS = {
    DONE: "it is done",
    NOTHING_NEW: "nothing to do",
    DISABLED: "it is disabled",
    OnRelease.RETIRE: "it is retired",
    Undo.UNDONE: "it is undone",
    Undo.REPEATED: "nothing to do",
    HoldOutcome.EXTENDED: "its end has moved",
    HoldOutcome.TAKEN_OVER: "it is taken over",
}


def table() -> str:
    """Return the table in Markdown."""
    lines = [
        "| first | meanwhile | what the second hears | the code is then |",
        "|---|---|---|---|",
    ]
    for row in ROWS:
        refused = isinstance(row.hears, type)
        hears = f"`{problem_type(row.hears).slug}`" if refused else _RESULTS[row.hears]
        lines.append(f"| {row.first} | {row.second} | {hears} | {row.state} |")
    return "\n".join(lines)
