"""A handmade history of codes that are held, redeemed, undone, released, lapsed and erased."""

import json
from dataclasses import replace

from tests.history import handmade
from tests.history.handmade import call, item, lost, refused
from tests.tools.history.history import Call, Kind, RedemptionRow, Row

BRAND = handmade.BRAND
CODES = ["LAAA", "LBBB", "LCCC", "LDDD", "LEEE", "LFFF"]
RECYCLE = '{"on_lapse": "recycle", "on_release": "recycle"}'


def reserved(user, code, began, status=201, **other):
    content = handmade.reservation(user, code) | {"reserved_at": f"2026-01-01T00:00:{began:02}Z"}
    return call(Kind.PUT, began, status=status, content=content | other, user=user)


def show(user, code, began, since, **other):
    content = handmade.reservation(user, code) | {"reserved_at": f"2026-01-01T00:00:{since:02}Z"}
    return call(Kind.SHOW, began, content=content | other, user=user)


def checkout(kind, began, code, user, reference, status=201, **asked):
    """Return a hold or a redemption that was granted."""
    content = {"code": code, "reference": reference}
    if kind is Kind.REDEEM:
        content |= {"user": user, "campaign": "default", "redeemed_at": "2026-01-01T00:00:00Z"}
    else:
        asked = {"ttl_s": 900} | asked
    asked |= {"code": code, "user": user, "reference": reference}
    return call(kind, began, status=status, content=content, **asked)


def turned_away(kind, began, slug, code, user, reference, status=409):
    content = {"type": f"/problems/{slug}", "state": "reserved"}
    asked = {"code": code, "user": user, "reference": reference, "ttl_s": 900}
    return call(kind, began, status=status, content=content, retry_after=True, **asked)


def gone(kind, began, **asked):
    """Return a DELETE that was answered."""
    return call(kind, began, status=204, **asked)


def look(code, state, began, version=None):
    return call(Kind.LOOK, began, content=item(code, state) | {"version": version}, code=code)


def patch(code, began, state="reserved", **asked):
    return call(Kind.PATCH, began, content=item(code, state), code=code, **asked)


def redemption(code, began, reference, user, *, undone=False):
    content = {"code": code, "campaign": "default", "user": user, "reference": reference}
    content |= {"redeemed_at": "2026-01-01T00:00:00Z"}
    content |= {"undone_at": "2026-01-01T00:00:01Z"} if undone else {}
    return call(Kind.REDEMPTION, began, content=content, code=code, reference=reference)


def wallet(user, began, *items):
    return call(Kind.WALLET, began, content={"items": items}, user=user)


def counts(began, **states):
    return call(Kind.COUNTS, began, content={"counts": states})


RULES = call(Kind.RULES, 0, 0.4, status=201, content={}, rules=RECYCLE)
CREATE = call(Kind.CREATE, 1, content=CODES, count=6)
ANN = reserved("ann", "LAAA", 2)
HOLD = checkout(Kind.HOLD, 3, "LAAA", "ann", "r1")
HELD = turned_away(Kind.HOLD, 4, "code-held", "LAAA", "ann", "r2")
REFUSED = turned_away(Kind.REDEEM, 5, "code-held", "LAAA", "ann", "r2")
REDEEM = checkout(Kind.REDEEM, 6, "LAAA", "ann", "r1")
AGAIN = checkout(Kind.REDEEM, 7, "LAAA", "ann", "r1", status=200)
TAKEN = turned_away(Kind.REDEEM, 8, "code-redeemed", "LAAA", "ann", "r2")
REDEEMED = look("LAAA", "redeemed", 9, version=3)
NO_RELEASE = refused(Kind.RELEASE, 10, "code-redeemed", 409, user="ann")
NO_PATCH = refused(Kind.PATCH, 10, "code-redeemed", 409, code="LAAA", disabled=True)
ANOTHERS = gone(Kind.UNDO, 11, code="LAAA", reference="r2")
STAYS = redemption("LAAA", 12, "r1", "ann")
UNDO = gone(Kind.UNDO, 13, code="LAAA", reference="r1")
LATE = turned_away(Kind.REDEEM, 14, "redemption-undone", "LAAA", "ann", "r1")
UNDONE = redemption("LAAA", 15, "r1", "ann", undone=True)
BELOW = look("LAAA", "reserved", 16, version=4)
RELEASE = gone(Kind.RELEASE, 17, user="ann")
NOBODY = refused(Kind.SHOW, 18, "reservation-not-found", user="ann")
BOB = reserved("bob", "LAAA", 19)
SHOW = show("bob", "LAAA", 20, 19)
ENDS = patch("LAAA", 21, end=23.0)
LAPSED = refused(Kind.SHOW, 26, "reservation-not-found", user="bob")
CID = reserved("cid", "LAAA", 27)
USED = checkout(Kind.REDEEM, 28, "LAAA", "cid", "r3")
DAN = reserved("dan", "LBBB", 30)
DISABLE = patch("LBBB", 31, "disabled", disabled=True)
DISABLED = turned_away(Kind.REDEEM, 32, "code-disabled", "LBBB", "dan", "r4")
ENABLE = patch("LBBB", 33, disabled=False)
ERASE = gone(Kind.ERASE, 35, user="dan")
ERASED = refused(Kind.PUT, 36, "user-erased", 410, user="dan")
FORGOTTEN = refused(Kind.SHOW, 37, "reservation-not-found", user="dan")
EMPTY = wallet("dan", 38)
RETIRED = look("LBBB", "disabled", 39)
NO_ENABLE = refused(Kind.PATCH, 39, "conflict", 409, code="LBBB", disabled=False)
EVE = reserved("eve", "LCCC", 40)
EVES_HOLD = checkout(Kind.HOLD, 41, "LCCC", "eve", "r5")
NOT_HERS = gone(Kind.UNHOLD, 42, code="LCCC", reference="r6")
UNHOLD = gone(Kind.UNHOLD, 43, code="LCCC", reference="r5")
NEXT = checkout(Kind.HOLD, 44, "LCCC", "eve", "r6")
NO_END = refused(Kind.RELEASE, 45, "code-held", 409, user="eve")
WALLET = wallet("eve", 46, json.loads(EVE.body))
DROP = gone(Kind.UNHOLD, 47, code="LCCC", reference="r6")
FAY = turned_away(Kind.REDEEM, 48, "not-the-holder", "LCCC", "fay", "r9")
UNKNOWN = lost(Kind.REDEEM, 50, code="LCCC", user="eve", reference="r8")
COUNTS = counts(60, available=3, reserved=1, redeemed=1, disabled=1, expired=0)
GOOD = [each for each in dict(globals()).values() if isinstance(each, Call)]
GOOD.sort(key=lambda each: each.began)

STATES = {
    "LAAA": ("redeemed", "cid"),
    "LBBB": ("disabled", "/12345678.abc"),
    "LCCC": ("reserved", "eve"),
    "LDDD": ("available", None),
    "LEEE": ("available", None),
    "LFFF": ("available", None),
}
ROWS = [Row(BRAND, "default", code, *STATES[code], handmade.CREATED_AT) for code in CODES]
REDEMPTIONS = [
    RedemptionRow(BRAND, "LAAA", "r1", "ann", undone=True),
    RedemptionRow(BRAND, "LAAA", "r2", None, undone=True),
    RedemptionRow(BRAND, "LAAA", "r3", "cid", undone=False),
]


def with_(instead_of, other):
    """Return the correct history with one call changed."""
    return [other if good is instead_of else good for good in GOOD]


def row(code, **other):
    """Return the correct rows with one changed."""
    return [replace(good, **other) if good.code == code else good for good in ROWS]
