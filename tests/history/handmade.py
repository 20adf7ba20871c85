"""Handmade histories: a correct one, with every kind of call."""

import json
from dataclasses import replace

from tests.tools.history.history import Call, CallFailure, Kind, Row

BRAND, KEY = "brand1", "key-1"
CODES = ["AAAA", "BBBB", "CCCC"]
CREATED_AT = 1_700_000_000_000


def call(kind, began, ended=None, *, status=200, content=None, **asked):
    body = b"" if content is None else json.dumps(content).encode()
    ended = began + 0.5 if ended is None else ended
    return Call("tests", kind, BRAND, began, ended, status=status, body=body, **asked)


def lost(kind, began, failure=CallFailure.CUT, **asked):
    return replace(call(kind, began, status=0, **asked), failure=failure)


def refused(kind, began, slug, status=404, **asked):
    return call(kind, began, status=status, content={"type": f"/problems/{slug}"}, **asked)


def reservation(user, code):
    return {
        "discount_code": code,
        "state": "reserved",
        "brand": BRAND,
        "campaign": "default",
        "user": user,
        "reserved_at": "2026-01-01T00:00:00.000Z",
        "expires_at": None,
    }


def counts(available, reserved):
    return {"counts": {"available": available, "reserved": reserved}}


def item(code, state):
    return {"code": code, "state": state}


CREATE = call(Kind.CREATE, 1, content=CODES, count=3, key=KEY)
RETRY = call(Kind.CREATE, 2, content=CODES, count=3, key=KEY, replayed=True)
FETCH = call(Kind.FETCH, 3, content={"discount_code": "AAAA"}, user="ann")
PUT = call(Kind.PUT, 4, content=reservation("ann", "AAAA"), user="ann")
NEW = call(Kind.PUT, 5, content=reservation("bob", "BBBB"), status=201, user="bob")
CUT = lost(Kind.PUT, 6, user="cid")
EMPTY = refused(Kind.FETCH, 8, "no-codes-left", user="dan")
SHOW = call(Kind.SHOW, 9, content=reservation("bob", "BBBB"), user="bob")
NOBODY = refused(Kind.SHOW, 9, "reservation-not-found", user="eve")
CODE = call(Kind.CODE, 10, content=item("AAAA", "reserved"), code="AAAA")
LIST = call(Kind.LIST, 10, content=[item(code, "reserved") for code in CODES])
COUNTS = call(Kind.COUNTS, 20, content=counts(0, 3))
BAD = refused(Kind.CREATE, 11, "invalid-request", 400, count=0)
OTHER_BODY = refused(Kind.CREATE, 12, "conflict", 409, count=4, key=KEY)
LATER = refused(Kind.FETCH, 13, "unavailable", 503, user="dan", retry_after=True)
GOOD = [
    *(CREATE, RETRY, FETCH, PUT, NEW, CUT, EMPTY, SHOW, NOBODY, CODE, LIST, COUNTS, BAD),
    *(OTHER_BODY, LATER),
]

HOLDERS = {"AAAA": "ann", "BBBB": "bob", "CCCC": "cid"}
ROWS = [Row(BRAND, "default", code, "reserved", user, CREATED_AT) for code, user in HOLDERS.items()]


def free(code, created_at=CREATED_AT):
    return Row(BRAND, "default", code, "available", None, created_at)


def with_(instead_of, call):
    """Return the correct history with one call changed."""
    return [call if good is instead_of else good for good in GOOD]
