"""Guarantees of answers: only those of the contract, and reads that are not behind."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from math import inf

from tests.tools.history.facts import BrandCode, Facts, Pool, Violation, Violations
from tests.tools.history.history import CREATES, RESERVES, Call, CallFailure, Kind

MAX_PER_CALL = 1000
COUNTS_LAG_S = 5.0
"""The allowed age of counts on PostgreSQL, in seconds."""
TIMEOUT_S = 5.0
"""The shortest timeout with which a client can expect an answer, in seconds."""

SUCCESS = {
    Kind.FETCH: {200},
    Kind.PUT: {200, 201},
    Kind.SHOW: {200},
    Kind.CREATE: {200},
    Kind.ADD: {201},
    Kind.CODE: {200},
    Kind.COUNTS: {200},
    Kind.LIST: {200},
}
MAY_COME_LATER = {503: "unavailable", 429: "rate-limited"}


def only_answers_of_the_contract(facts: Facts) -> Violations:
    """Each status is allowed for its call, none is 500, and `Retry-After` is always there."""
    for call in facts.history.calls:
        if call.failure:
            continue
        if call.status in MAY_COME_LATER:
            if call.slug != MAY_COME_LATER[call.status] or not call.retry_after:
                yield Violation("this must say how long to wait, and why", (call,))
        elif call.done:
            if call.status not in SUCCESS[call.kind] or _must_be_refused(call):
                yield Violation("this answer is not in the contract", (call,))
        elif not _may_be_refused(call):
            yield Violation("this refusal is not in the contract", (call,))


def _must_be_refused(call: Call) -> bool:
    return call.kind in CREATES and not 1 <= call.count <= MAX_PER_CALL


def _may_be_refused(call: Call) -> bool:
    return {
        (404, "brand-not-found"): call.kind is not Kind.CREATE,
        (404, "campaign-not-found"): True,
        (404, "no-codes-left"): call.kind in RESERVES,
        (404, "reservation-not-found"): call.kind is Kind.SHOW,
        (404, "code-not-found"): call.kind is Kind.CODE,
        (400, "invalid-request"): _must_be_refused(call),
        (409, "conflict"): bool(call.key),
    }.get((call.status, call.slug), False)


def what_was_created_is_found(facts: Facts) -> Violations:
    """A pool and each of its codes exist for every call that begins after their create."""
    opened: defaultdict[Pool, float] = defaultdict(lambda: inf)
    for _, create in facts.created:
        opened[create.pool] = min(create.ended, opened[create.pool])
    for call in facts.history.calls:
        if call.status != 404:
            continue
        slug = call.slug
        if slug in {"brand-not-found", "campaign-not-found"} and opened[call.pool] < call.began:
            yield Violation(f"{call.pool} was there before", (call,))
        if slug == "code-not-found" and facts.born.get((call.brand, call.code), inf) < call.began:
            yield Violation(f"{call.code} was there before", (call,))


def shown_codes_are_not_behind(facts: Facts) -> Violations:
    """A code is shown as reserved after the answer to its holder, and not before the request."""
    known: dict[BrandCode, float] = {}
    for holder, answers in facts.answered.items():
        for code, _ in answers:
            known[holder[0], code] = facts.known[holder]
    taken = {key: facts.taken(row) for key, rows in facts.rows.items() for row in rows}
    for call in facts.history.calls:
        if call.kind is Kind.CODE and call.done:
            shown = [call.content]
        elif call.kind is Kind.LIST and call.done:
            shown = call.content
        else:
            continue
        for item in shown:
            key = call.brand, item["code"]
            if key not in taken:
                yield Violation(f"{key} was shown, and is not there in the end", (call,))
            elif item["state"] == "available" and known.get(key, inf) < call.began:
                yield Violation(f"{key} was answered to its holder, and is shown as free", (call,))
            elif item["state"] != "available" and taken[key] > call.ended:
                yield Violation(f"{key} is shown as taken, and nobody had asked", (call,))


def lists_are_whole(facts: Facts) -> Violations:
    """A traversal of all pages has each code once, and all that existed when it began."""
    born: defaultdict[Pool, list[tuple[float, str]]] = defaultdict(list)
    for codes, create in facts.created:
        born[create.pool] += [(facts.born[create.brand, code], code) for code in codes]
    for call in facts.history.calls:
        if call.kind is Kind.LIST and call.done:
            met = [item["code"] for item in call.content]
            if len(met) != len(set(met)):
                yield Violation("a code was listed twice", (call,))
            missed = {code for moment, code in born[call.pool] if moment < call.began} - set(met)
            if missed:
                yield Violation(f"{sorted(missed)} were not listed", (call,))


def counts_are_hardly_behind(facts: Facts) -> Violations:
    """Counts lie between what was certain some seconds ago and what may have been since."""
    existing: defaultdict[Pool, list[float]] = defaultdict(list)
    for brand_code, moment in facts.born.items():
        for row in facts.rows.get(brand_code, ()):
            existing[row.brand, row.campaign].append(moment)
    held, asked = _by_pool(facts.known), _by_pool(facts.asked)
    for moments in existing.values():
        moments.sort()
    for call in facts.history.calls:
        if call.kind is Kind.COUNTS and call.done:
            counts = call.content["counts"]
            certain = call.began - COUNTS_LAG_S
            if sum(counts.values()) < bisect_right(existing[call.pool], certain):
                yield Violation("codes are missing in the counts", (call,))
            if counts["reserved"] < bisect_right(held[call.pool], certain):
                yield Violation("reservations are missing in the counts", (call,))
            if counts["reserved"] > bisect_left(asked[call.pool], call.ended):
                yield Violation("the counts have more reservations than were asked for", (call,))


def _by_pool(moments: dict[tuple[str, str, str], float]) -> defaultdict[Pool, list[float]]:
    """Return the sorted times of the events of each pool's users."""
    pools: defaultdict[Pool, list[float]] = defaultdict(list)
    for (brand, campaign, _), moment in sorted(moments.items(), key=lambda item: item[1]):
        pools[brand, campaign].append(moment)
    return pools


def rolling_restarts_lose_no_call(facts: Facts) -> Violations:
    """During a rolling restart, clients that observe `/readyz` get an answer to every call."""
    for call in facts.history.calls:
        lost = call.failure in {CallFailure.REFUSED, CallFailure.CUT} or (
            call.failure is CallFailure.TIMEOUT and call.ended - call.began > TIMEOUT_S
        )
        if lost and any(
            roll.began <= call.began and call.ended <= roll.ended for roll in facts.history.rolls
        ):
            yield Violation("a call was lost in a rolling restart", (call,))


RULES = (
    only_answers_of_the_contract,
    what_was_created_is_found,
    shown_codes_are_not_behind,
    lists_are_whole,
    counts_are_hardly_behind,
    rolling_restarts_lose_no_call,
)
