"""Violations in the lives of codes: the rule that must find each, and a history that has it."""

from dataclasses import replace

from tests.history.handmade import BRAND, refused
from tests.history.handmade_life import (
    BELOW,
    COUNTS,
    DISABLED,
    EMPTY,
    ERASED,
    FAY,
    FORGOTTEN,
    GOOD,
    HELD,
    LAPSED,
    LATE,
    NO_ENABLE,
    NO_END,
    NO_PATCH,
    NO_RELEASE,
    REDEMPTIONS,
    REFUSED,
    RETIRED,
    ROWS,
    STAYS,
    TAKEN,
    UNDONE,
    checkout,
    counts,
    gone,
    look,
    patch,
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
ONCE = "a reference redeems once"
NOT_BEHIND = "shown codes are not behind"
STATED = "shown states have a cause"
STAYS_REDEEMED = "a redeemed code does not move"
AWAY = "a hold keeps others away"
NO_MORE = "an erased user claims no more"
NAMELESS = "nothing names an erased user"
BEHIND = "counts are hardly behind"
UNHELD = "a hold refuses others alone"
CAUSE = "refusals of moves have a cause"
UNDONE_ROW = RedemptionRow(BRAND, "LDDD", "r9", "eve", undone=True)
LIVE_ROW = replace(UNDONE_ROW, undone=False)


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
    # References.
    "a spent reference that redeems": (
        ONCE,
        with_(LATE, checkout(Kind.REDEEM, 14, "LAAA", "ann", "r1", status=200)),
    ),
    "a spent reference refused otherwise": (
        ONCE,
        with_(LATE, turned_away(Kind.REDEEM, 14, "code-held", "LAAA", "ann", "r1")),
    ),
    "a reference undone by nobody": (
        ONCE,
        and_(turned_away(Kind.REDEEM, 51, "redemption-undone", "LCCC", "eve", "r7")),
    ),
    "a repetition that redeems again": (
        ONCE,
        and_(checkout(Kind.REDEEM, 7.1, "LAAA", "ann", "r1")),
    ),
    "a repetition with another answer": (
        ONCE,
        and_(replace(checkout(Kind.REDEEM, 7, "LAAA", "ann", "r1", status=200), body=b"{}")),
    ),
    "a redemption of nobody": (
        "a redemption has a cause",
        and_(redemption("LDDD", 51, "r7", "eve")),
    ),
    "a redemption in the way that is none": (
        "a redemption has a cause",
        with_(TAKEN, replace(TAKEN, code="LCCC", began=49, ended=49.5, user="eve")),
    ),
    "a redemption lost": (
        "answered redemptions survive",
        GOOD,
        ROWS,
        [each for each in REDEMPTIONS if each.reference != "r3"],
    ),
    "a stored redemption of nobody": (
        "stored redemptions have a cause",
        GOOD,
        ROWS,
        [*REDEMPTIONS, LIVE_ROW],
    ),
    "a stored undo of nobody": (
        "stored redemptions have a cause",
        GOOD,
        ROWS,
        [*REDEMPTIONS, UNDONE_ROW],
    ),
    "an undo that is not stored": (
        "stored redemptions have a cause",
        GOOD,
        ROWS,
        [replace(REDEMPTIONS[0], undone=False), *REDEMPTIONS[1:]],
    ),
    # Holders and states.
    "redeemed by another user": (USED_BY_HOLDER, with_(FAY, replace(FAY, status=201))),
    "redeemed while disabled": (
        USED_BY_HOLDER,
        with_(DISABLED, checkout(Kind.REDEEM, 32, "LBBB", "dan", "r4")),
    ),
    "redeemed after an erasure": (
        USED_BY_HOLDER,
        and_(checkout(Kind.REDEEM, 51, "LBBB", "dan", "r4")),
    ),
    "held while redeemed": (
        USED_BY_HOLDER,
        and_(checkout(Kind.HOLD, 8, "LAAA", "ann", "r2")),
    ),
    "the holder turned away": (
        "a holder is not turned away",
        with_(FAY, replace(FAY, user="eve")),
    ),
    "released while redeemed": (
        STAYS_REDEEMED,
        with_(NO_RELEASE, gone(Kind.RELEASE, 10, user="ann")),
    ),
    "disabled while redeemed": (
        STAYS_REDEEMED,
        with_(NO_PATCH, patch("LAAA", 10, "disabled", disabled=True)),
    ),
    "a retirement in the way that is none": (
        CAUSE,
        with_(NO_ENABLE, replace(NO_ENABLE, began=16, ended=16.5)),
    ),
    "a redemption in the way of a release": (
        CAUSE,
        and_(refused(Kind.RELEASE, 51, "code-redeemed", 409, user="bob")),
    ),
    "a redemption in the way of a change": (
        CAUSE,
        and_(refused(Kind.PATCH, 51, "code-redeemed", 409, code="LDDD", disabled=True)),
    ),
    "an end refused to a holder": (
        CAUSE,
        and_(refused(Kind.PATCH, 48, "not-reserved", 409, code="LCCC", end=99.0)),
    ),
    "a reservation gone without a release": (
        "an answered code stays the answer",
        and_(refused(Kind.SHOW, 16, "reservation-not-found", user="ann")),
    ),
    "released while nobody held it": (
        "an answered code stays the answer",
        and_(refused(Kind.RELEASE, 51, "reservation-not-found", user="eve")),
    ),
    "shown as redeemed by nobody": (STATED, and_(look("LDDD", "redeemed", 51))),
    "shown as disabled by nobody": (STATED, and_(look("LAAA", "disabled", 5.5))),
    "shown as expired without an end": (STATED, and_(look("LCCC", "expired", 51))),
    "shown as redeemed after the undo": (STATED, with_(BELOW, look("LAAA", "redeemed", 16))),
    "a version that falls": ("versions rise", and_(look("LAAA", "reserved", 20, version=2))),
    "a stored state that is lost": (
        "stored states are those of the answers",
        GOOD,
        row("LAAA", state="reserved"),
    ),
    "a stored state of nobody": (
        "stored states are those of the answers",
        GOOD,
        row("LDDD", state="redeemed", user="eve"),
    ),
    "a holder lost without a release": (
        "answers survive",
        GOOD,
        row("LCCC", state="available", user=None),
    ),
    "a code held by nobody": ("states fit holders", GOOD, row("LCCC", user=None)),
    "two codes by a change that was none": (
        "no user holds two codes of a campaign",
        and_(reserved("eve", "LDDD", 51)),
    ),
    "reserved anew without a release": (
        "an answered code stays the answer",
        and_(reserved("eve", "LCCC", 51)),
    ),
    "a refusal without the state": (
        "only answers of the contract",
        with_(HELD, replace(HELD, body=b'{"type": "/problems/code-held"}')),
    ),
    "a refusal of a hold without its end": (
        "only answers of the contract",
        with_(HELD, replace(HELD, retry_after=False)),
    ),
}
