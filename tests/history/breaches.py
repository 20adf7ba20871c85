"""Violations: a description, the rule that must find it, and a history that has it."""

from dataclasses import replace

from tests.history.handmade import (
    CODE,
    COUNTS,
    CREATE,
    EMPTY,
    FETCH,
    GOOD,
    KEY,
    LATER,
    LIST,
    NEW,
    OTHER_BODY,
    PUT,
    RETRY,
    ROWS,
    SHOW,
    call,
    counts,
    free,
    item,
    lost,
    refused,
    with_,
)
from tests.tools.history.history import Kind

BREACHES = {
    "one code answered to two users": (
        "no code is held by two users",
        [*GOOD, call(Kind.FETCH, 30, content={"discount_code": "AAAA"}, user="dan")],
        ROWS,
    ),
    "two codes answered to one user": (
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
        "an answered code stays the answer",
        [*GOOD, refused(Kind.SHOW, 30, "reservation-not-found", user="ann")],
        ROWS,
    ),
    "no-codes-left to who holds one": (
        "an answered code stays the answer",
        [*GOOD, refused(Kind.FETCH, 30, "no-codes-left", user="ann")],
        ROWS,
    ),
    "reserved twice": (
        "an answered code stays the answer",
        [*GOOD, replace(NEW, began=4.9)],
        ROWS,
    ),
    "reserved when it was known": (
        "an answered code stays the answer",
        with_(PUT, replace(PUT, status=201)),
        ROWS,
    ),
    "a reservation that changes": (
        "an answered code stays the answer",
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
        "no codes left is answered for empty pools only",
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
        "shown states have a cause",
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
        "counts sum up to the codes",
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
