"""The checker finds each kind of violation in a history made by hand, and nothing in a good one.

The good history has every kind of call; each test below makes one thing of it wrong.
"""

import json
from dataclasses import replace

import pytest

from tests.history.checker import RULES, violations
from tests.history.history import Call, Disturbance, Fault, History, Kind, Row

BRAND, KEY = "brand1", "key-1"
CODES = ["AAAA", "BBBB", "CCCC"]
CREATED_AT = 1_700_000_000_000


def call(kind, began, ended=None, *, status=200, content=None, **asked):
    body = b"" if content is None else json.dumps(content).encode()
    ended = began + 0.5 if ended is None else ended
    return Call("tests", kind, BRAND, began, ended, status=status, body=body, **asked)


def lost(kind, began, fault=Fault.CUT, **asked):
    return replace(call(kind, began, status=0, **asked), fault=fault)


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


def broken(calls, rows=ROWS, brands=frozenset({BRAND}), rolls=()):
    """Return the rules that are broken."""
    return {found.rule for found in violations(History(calls, rows, brands, rolls))}


def with_(instead_of, call):
    """Return the good history with one call changed."""
    return [call if good is instead_of else good for good in GOOD]


def test_a_good_history_breaks_nothing():
    assert set() == broken(GOOD)


def test_a_call_without_an_answer_may_be_done_or_not():
    not_done = [*ROWS[:2], free("CCCC")]
    without = [call for call in GOOD if call not in {EMPTY, LIST, COUNTS}]
    assert set() == broken(without, not_done)


def test_creates_without_an_answer_may_be_done_or_not_each_of_them():
    cut_off = [*GOOD, lost(Kind.ADD, 30, count=2), lost(Kind.ADD, 31, count=1)]
    for found in ([], ["DDDD"], ["DDDD", "EEEE"], ["DDDD", "EEEE", "FFFF"]):
        assert set() == broken(cut_off, [*ROWS, *(free(code, 9) for code in found)])


def test_what_a_connection_refused_cannot_have_been_done():
    calls = [*GOOD, lost(Kind.ADD, 30, Fault.REFUSED, count=1)]
    assert broken(calls, [*ROWS, free("DDDD", 9)])


BREACHES = {
    "a code told to two users": (
        "no code is held by two users",
        [*GOOD, call(Kind.FETCH, 30, content={"discount_code": "AAAA"}, user="dan")],
        ROWS,
    ),
    "two codes told to a user": (
        "no user holds two codes of a campaign",
        [*GOOD, call(Kind.FETCH, 30, content={"discount_code": "CCCC"}, user="ann")],
        ROWS,
    ),
    "two codes of a user in the database": (
        "no user holds two codes of a campaign",
        GOOD,
        [*ROWS[:2], replace(ROWS[2], user="ann")],
    ),
    "a reservation gone": (
        "what was told is told ever after",
        [*GOOD, refused(Kind.SHOW, 30, "reservation-not-found", user="ann")],
        ROWS,
    ),
    "no-codes-left to who holds one": (
        "what was told is told ever after",
        [*GOOD, refused(Kind.FETCH, 30, "no-codes-left", user="ann")],
        ROWS,
    ),
    "reserved twice": (
        "what was told is told ever after",
        [*GOOD, replace(NEW, began=4.9)],
        ROWS,
    ),
    "reserved when it was known": (
        "what was told is told ever after",
        with_(PUT, replace(PUT, status=201)),
        ROWS,
    ),
    "a reservation that changes": (
        "what was told is told ever after",
        with_(
            SHOW,
            replace(SHOW, body=SHOW.body.replace(b"2026", b"2027")),
        ),
        ROWS,
    ),
    "somebody else's reservation": (
        "a reservation is of who asked",
        with_(SHOW, replace(SHOW, body=SHOW.body.replace(b'"bob"', b'"ann"'))),
        ROWS,
    ),
    "a reservation before anybody asked": (
        "a reservation is of who asked",
        with_(SHOW, replace(SHOW, began=0, ended=0.5)),
        ROWS,
    ),
    "a refusal that reserved": (
        "a reservation is of who asked",
        GOOD,
        [*ROWS, replace(free("DDDD"), user="fay", state="reserved")],
    ),
    "an answer that is lost": ("answers survive", GOOD, [free("AAAA"), *ROWS[1:]]),
    "a code available and held": (
        "states fit holders",
        GOOD,
        [replace(ROWS[0], state="available"), *ROWS[1:]],
    ),
    "no-codes-left while one was free": (
        "no codes left is only said of empty pools",
        with_(EMPTY, replace(EMPTY, began=5.6, ended=5.8)),
        ROWS,
    ),
    "too few codes": (
        "create answers are complete",
        with_(CREATE, replace(CREATE, body=b'["AAAA", "BBBB"]', key="")),
        ROWS,
    ),
    "a code twice in an answer": (
        "create answers are complete",
        [*GOOD, call(Kind.ADD, 30, status=201, content=["DDDD", "DDDD"], count=2)],
        [*ROWS, free("DDDD")],
    ),
    "no code at all": (
        "create answers are complete",
        [*GOOD, call(Kind.ADD, 30, status=201, content=["-"], count=1)],
        [*ROWS, free("-")],
    ),
    "a created code that is lost": (
        "create answers are complete",
        [*GOOD, call(Kind.ADD, 30, status=201, content=["DDDD"], count=1)],
        ROWS,
    ),
    "a code created twice": (
        "no code is created twice",
        [*GOOD, call(Kind.ADD, 30, status=201, content=["AAAA"], count=1)],
        ROWS,
    ),
    "a code twice in its brand": ("no code is created twice", GOOD, [*ROWS, ROWS[0]]),
    "another answer to a retry": (
        "a retry gets the first answer",
        with_(RETRY, replace(RETRY, body=b'["DDDD", "EEEE", "FFFF"]')),
        [*ROWS, free("DDDD"), free("EEEE"), free("FFFF")],
    ),
    "a retry done again": (
        "a retry gets the first answer",
        with_(RETRY, replace(RETRY, replayed=False)),
        ROWS,
    ),
    "a replay without a key": (
        "a retry gets the first answer",
        [*GOOD, replace(FETCH, replayed=True)],
        ROWS,
    ),
    "a retry refused": (
        "a retry gets the first answer",
        [call for call in GOOD if call is not OTHER_BODY]
        + [refused(Kind.CREATE, 30, "conflict", 409, count=3, key=KEY)],
        ROWS,
    ),
    "half a create": (
        "creates without an answer are done wholly or not at all",
        [*GOOD, lost(Kind.ADD, 30, count=2)],
        [*ROWS, free("DDDD", 9)],
    ),
    "a create done twice": (
        "creates without an answer are done wholly or not at all",
        [*GOOD, lost(Kind.ADD, 30, count=1, key="k"), lost(Kind.ADD, 31, count=1, key="k")],
        [*ROWS, free("DDDD", 8), free("EEEE", 9)],
    ),
    "a refusal that created": (
        "creates without an answer are done wholly or not at all",
        GOOD,
        [*ROWS, free("DDDD", 9)],
    ),
    "a 500": (
        "only answers of the contract",
        [*GOOD, refused(Kind.FETCH, 30, "internal-error", 500, user="ann")],
        ROWS,
    ),
    "a 503 without Retry-After": (
        "only answers of the contract",
        with_(LATER, replace(LATER, retry_after=False)),
        ROWS,
    ),
    "a refusal of something else": (
        "only answers of the contract",
        [*GOOD, refused(Kind.SHOW, 30, "no-codes-left", user="eve")],
        ROWS,
    ),
    "a success that is none": (
        "only answers of the contract",
        with_(FETCH, replace(FETCH, status=201)),
        ROWS,
    ),
    "a bad call accepted": (
        "only answers of the contract",
        [*GOOD, call(Kind.CREATE, 30, content=[], count=0)],
        ROWS,
    ),
    "a brand that vanished": (
        "what was created is found",
        [*GOOD, refused(Kind.FETCH, 30, "brand-not-found", user="ann")],
        ROWS,
    ),
    "a code that vanished": (
        "what was created is found",
        [*GOOD, refused(Kind.CODE, 30, "code-not-found", code="AAAA")],
        ROWS,
    ),
    "a held code shown as free": (
        "shown codes are not behind",
        with_(CODE, replace(CODE, body=CODE.body.replace(b"reserved", b"available"))),
        ROWS,
    ),
    "a free code shown as taken": (
        "shown codes are not behind",
        with_(CODE, replace(CODE, began=1.6, ended=1.7)),
        ROWS,
    ),
    "a code shown that is lost": (
        "shown codes are not behind",
        [*GOOD, call(Kind.CODE, 30, content=item("DDDD", "available"), code="DDDD")],
        ROWS,
    ),
    "a code listed twice": (
        "lists are whole",
        with_(LIST, call(Kind.LIST, 10, content=[*LIST.content, LIST.content[0]])),
        ROWS,
    ),
    "a code not listed": (
        "lists are whole",
        with_(LIST, call(Kind.LIST, 10, content=LIST.content[1:])),
        ROWS,
    ),
    "codes not counted": (
        "counts are hardly behind",
        with_(COUNTS, call(Kind.COUNTS, 20, content=counts(0, 2))),
        ROWS,
    ),
    "reservations not counted": (
        "counts are hardly behind",
        with_(COUNTS, call(Kind.COUNTS, 20, content=counts(2, 1))),
        ROWS,
    ),
    "reservations counted that nobody asked for": (
        "counts are hardly behind",
        [*GOOD, call(Kind.COUNTS, 3.6, content=counts(1, 2))],
        ROWS,
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_is_found(breach):
    rule, calls, rows = BREACHES[breach]
    assert rule in broken(calls, rows)


def test_a_brand_that_a_refusal_made_is_found():
    calls = [*GOOD, replace(BAD, brand="brand2")]
    assert {"refused creates make nothing"} == broken(calls, brands=frozenset({BRAND, "brand2"}))


def test_a_call_lost_in_a_rolling_restart_is_found():
    rolls = [Disturbance("rolling restart", 29, 40)]
    for fault, ended in ((Fault.CUT, 30.1), (Fault.REFUSED, 30.1), (Fault.TIMEOUT, 39)):
        gone = replace(lost(Kind.FETCH, 30, fault, user="ann"), ended=ended)
        assert {"rolling restarts lose no call"} == broken([*GOOD, gone], rolls=rolls)
        assert set() == broken([*GOOD, gone])


def test_who_hangs_up_early_in_a_rolling_restart_has_lost_nothing():
    rolls = [Disturbance("rolling restart", 29, 40)]
    gone = replace(lost(Kind.FETCH, 30, Fault.TIMEOUT, user="ann"), ended=30.1)
    assert set() == broken([*GOOD, gone], rolls=rolls)


def test_every_rule_is_seen_to_fail():
    in_tests_of_their_own = {"refused_creates_make_nothing", "rolling_restarts_lose_no_call"}
    seen = {rule.replace(" ", "_") for rule, _, _ in BREACHES.values()}
    assert {rule.__name__ for rule in RULES} == seen | in_tests_of_their_own
