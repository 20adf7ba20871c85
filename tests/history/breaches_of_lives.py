"""Violations in the lives of codes: the rule that must find each, and a history that has it."""

from dataclasses import replace

from tests.history.handmade import BRAND, refused
from tests.history.handmade_life import (
    COUNTS,
    EMPTY,
    ERASED,
    FORGOTTEN,
    GOOD,
    HELD,
    LAPSED,
    NO_END,
    REDEMPTIONS,
    REFUSED,
    RETIRED,
    ROWS,
    STAYS,
    UNDONE,
    checkout,
    counts,
    gone,
    look,
    redemption,
    reserved,
    row,
    show,
    turned_away,
    wallet,
    with_,
)
from tests.tools.history.history import Kind, RedemptionRow

OWN_UNDO = "a redemption lasts until its own undo"
USED_BY_HOLDER = "a code is used by its holder alone"
NOT_BEHIND = "shown codes are not behind"
STAYS_REDEEMED = "a redeemed code does not move"
AWAY = "a hold keeps others away"
NO_MORE = "an erased user claims no more"
NAMELESS = "nothing names an erased user"
BEHIND = "counts are hardly behind"
UNHELD = "a hold refuses others alone"


def and_(*calls):
    """Return the correct history with more calls."""
    return [*GOOD, *calls]


BREACHES = {
    # An undo of another's redemption.
    "undo of another's, seen at the code": (NOT_BEHIND, and_(look("LAAA", "reserved", 11.6))),
    "undo of another's, seen at the redemption": (
        OWN_UNDO,
        with_(STAYS, replace(UNDONE, began=12, ended=12.5)),
    ),
    "undo of another's, told to the reference": (
        OWN_UNDO,
        and_(turned_away(Kind.REDEEM, 11.6, "redemption-undone", "LAAA", "ann", "r1")),
    ),
    "undo of another's, and redeemed by it": (
        "a code is redeemed once at a time",
        and_(checkout(Kind.REDEEM, 11.6, "LAAA", "ann", "r7")),
    ),
    "an undone redemption that stays": (
        OWN_UNDO,
        with_(UNDONE, replace(STAYS, began=15, ended=15.5)),
    ),
    # A lapse against a redemption.
    "a redemption of what had lapsed": (
        USED_BY_HOLDER,
        and_(checkout(Kind.REDEEM, 26.6, "LAAA", "bob", "r7")),
    ),
    "a lapse of what was redeemed": (STAYS_REDEEMED, and_(reserved("gus", "LAAA", 29))),
    "a lapsed reservation that is shown": (
        "a lapse ends a reservation",
        with_(LAPSED, show("bob", "LAAA", 26, 19)),
    ),
    # A code recycled to two.
    "recycled to two": (
        "no code is held by two users",
        and_(replace(reserved("gus", "LAAA", 19), ended=19.6)),
    ),
    "recycled to two, one after the other": (
        "no code is held by two users",
        and_(reserved("gus", "LAAA", 20)),
    ),
    "released twice": ("a release ends one reservation", and_(gone(Kind.RELEASE, 18, user="ann"))),
    "released before it was reserved": (
        "a release ends one reservation",
        and_(gone(Kind.RELEASE, 1.5, user="eve")),
    ),
    # A hold that blocks itself, or nobody.
    "a hold that blocks itself": (
        UNHELD,
        and_(turned_away(Kind.REDEEM, 3.6, "code-held", "LAAA", "ann", "r1")),
    ),
    "a hold that was dropped blocks": (
        UNHELD,
        and_(replace(turned_away(Kind.HOLD, 43.6, "code-held", "LCCC", "eve", "r7"), ended=43.9)),
    ),
    "a hold that refuses a release of somebody else's": (
        UNHELD,
        with_(NO_END, replace(NO_END, user="gus")),
    ),
    "a hold ignored by a redemption": (
        AWAY,
        with_(REFUSED, checkout(Kind.REDEEM, 5, "LAAA", "ann", "r2")),
    ),
    "a hold ignored by a hold": (AWAY, with_(HELD, checkout(Kind.HOLD, 4, "LAAA", "ann", "r2"))),
    "a hold ended by another's end": (
        AWAY,
        and_(checkout(Kind.HOLD, 42.6, "LCCC", "eve", "r7")),
    ),
    "a hold ignored by a release": (AWAY, with_(NO_END, gone(Kind.RELEASE, 45, user="eve"))),
    # An erasure that forgets.
    "an erased user claims again": (NO_MORE, with_(ERASED, reserved("dan", "LDDD", 36))),
    "an erased user hears of no codes": (
        NO_MORE,
        with_(ERASED, refused(Kind.PUT, 36, "no-codes-left", user="dan")),
    ),
    "an erased user shown": (NAMELESS, with_(FORGOTTEN, show("dan", "LBBB", 37, 30))),
    "an erased user's wallet": (
        NAMELESS,
        with_(EMPTY, wallet("dan", 38, show("dan", "LBBB", 37, 30).content)),
    ),
    "an erased user's redemption": (NAMELESS, and_(redemption("LBBB", 39, "r4", "dan"))),
    "an erased user in the database": (NAMELESS, GOOD, row("LBBB", user="dan")),
    "an erased user in a redemption": (
        NAMELESS,
        GOOD,
        ROWS,
        [*REDEMPTIONS, RedemptionRow(BRAND, "LBBB", "r0", "dan", undone=True)],
    ),
    "an erased user's code shown as reserved": (
        NOT_BEHIND,
        with_(RETIRED, look("LBBB", "reserved", 39)),
    ),
    "a 410 of nobody": (
        "only who was erased is told so",
        and_(refused(Kind.PUT, 50, "user-erased", 410, user="gus")),
    ),
    # Counts that drift.
    "a code counted twice": (
        "counts sum up to the codes",
        with_(COUNTS, counts(60, available=4, reserved=1, redeemed=1, disabled=1)),
    ),
    "a code not counted": (
        "counts sum up to the codes",
        with_(COUNTS, counts(60, available=2, reserved=1, redeemed=1, disabled=1)),
    ),
    "a redemption not counted": (
        BEHIND,
        with_(COUNTS, counts(60, available=3, reserved=2, redeemed=0, disabled=1)),
    ),
    "a redemption counted that is none": (
        BEHIND,
        with_(COUNTS, counts(60, available=1, reserved=1, redeemed=3, disabled=1)),
    ),
    "a reservation not counted": (
        BEHIND,
        with_(COUNTS, counts(60, available=5, reserved=0, redeemed=1, disabled=0)),
    ),
}
