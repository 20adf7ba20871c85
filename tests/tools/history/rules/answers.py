"""Guarantees of reads that are not behind, and of restarts that lose no call."""

from collections import defaultdict
from math import inf

from tests.tools.history.facts import Facts, Pool, Violation, Violations
from tests.tools.history.history import CallFailure, Kind

TIMEOUT_S = 5.0
"""The shortest timeout with which a client can expect an answer, in seconds."""


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


RULES = (what_was_created_is_found, lists_are_whole, rolling_restarts_lose_no_call)
