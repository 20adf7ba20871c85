"""Violations of references, holders and states, as in `breaches_of_lives`."""

from dataclasses import replace

from tests.history.handmade import BRAND, refused
from tests.history.handmade_life import (
    BELOW,
    DISABLED,
    FAY,
    GOOD,
    HELD,
    LATE,
    NO_ENABLE,
    NO_PATCH,
    NO_RELEASE,
    REDEMPTIONS,
    ROWS,
    TAKEN,
    checkout,
    gone,
    look,
    patch,
    redemption,
    reserved,
    row,
    turned_away,
    with_,
)
from tests.tools.history.history import Kind, RedemptionRow

USED_BY_HOLDER = "a code is used by its holder alone"
ONCE = "a reference redeems once"
STATED = "shown states have a cause"
STAYS_REDEEMED = "a redeemed code does not move"
CAUSE = "refusals of moves have a cause"
UNDONE_ROW = RedemptionRow(BRAND, "LDDD", "r9", "eve", undone=True)
LIVE_ROW = replace(UNDONE_ROW, undone=False)


def and_(*calls):
    """Return the correct history with more calls."""
    return [*GOOD, *calls]


BREACHES = {
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
