"""Guarantees of users: one code each, until it is released, lapses or is erased, and no other's."""

from collections import defaultdict
from itertools import pairwise
from math import inf

from tests.tools.history.facts import Facts, Pool, Violation, Violations
from tests.tools.history.history import RESERVES, Call, Kind
from tests.tools.history.spans import Spans, contradictions

TOLD = RESERVES | {Kind.SHOW}


def no_code_is_held_by_two_users(facts: Facts) -> Violations:
    """Rule 1, by every answer and in the database: a code changes hands by being recycled alone."""
    for (brand, code), tenures in facts.tenures.by_code():
        for calls in contradictions(tenure.exclusive for tenure in tenures.values()):
            users = sorted({call.user for call in calls})
            yield Violation(f"{code} of {brand} is held by {users}", calls)
    for holder, code in facts.holders():
        for other, tenure in facts.tenures.of_code((holder[0], code)).items():
            if other != holder and (shown := tenure.exclusive.proof(inf, inf)):
                yield Violation(f"{code} is held by {[other, holder]}", (shown,))


def no_user_holds_two_codes_of_a_campaign(facts: Facts) -> Violations:
    """Rules 1 and 2: an answer changes by a release, a lapse or an erasure alone."""
    for holder, tenures in facts.tenures.by_holder():
        for calls in contradictions(tenure.answer for tenure in tenures.values()):
            yield Violation(f"{holder} holds two of {sorted(tenures)}", calls)
    rows: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for holder, code in facts.holders():
        rows[holder].add(code)
        for other, tenure in facts.tenures.of_holder(holder).items():
            if other != code and (shown := tenure.answer.proof(inf, inf)):
                yield Violation(f"{holder} holds {[other, code]}", (shown,))
    for holder, codes in rows.items():
        if len(codes) > 1:
            yield Violation(f"{holder} holds {sorted(codes)}")


def an_answered_code_stays_the_answer(facts: Facts) -> Violations:
    """Rule 2 in real time: no call that began after an answer may know less."""
    for holder, tenures in facts.tenures.by_holder():
        for call in facts.denied.get(holder, ()):
            if certain := facts.tenures.certain(holder, call):
                yield Violation(f"{holder} got a code, and later none", (certain[1], call))
        for tenure in tenures.values():
            made = [call for call in tenure.answer.proofs if _is_new(call)]
            for number, call in enumerate(made):
                if before := tenure.answer.certain(call):
                    yield Violation(f"what {holder} held was reserved again", (before, call))
                for other in made[number + 1 :]:
                    hull = min(call.began, other.began), max(call.ended, other.ended)
                    if not tenure.answer.may_end(*hull):
                        yield Violation(f"{holder} was given a code more than once", (call, other))
        yield from _unstable(facts, holder)


def _is_new(call: Call) -> bool:
    return call.kind is Kind.PUT and call.status == 201


def _unstable(facts: Facts, holder: tuple[str, str, str]) -> Violations:
    """Yield reservations with another moment, although they are the same."""
    for tenure in facts.tenures.of_holder(holder).values():
        shown = sorted(filter(_is_object, tenure.answer.proofs), key=lambda call: call.began)
        for before, call in pairwise(shown):
            hull = min(call.began, before.began), max(call.ended, before.ended)
            moments = {each.content["reserved_at"] for each in (before, call)}
            if len(moments) > 1 and not tenure.answer.may_end(*hull):
                yield Violation(f"the reservation of {holder} changed", (before, call))


def a_reservation_is_of_who_asked(facts: Facts) -> Violations:
    """An answer names its user, and no user holds a code without a request."""
    asked = facts.tenures.asked
    for call in facts.of(*TOLD):
        if call.done and _is_object(call):
            named = call.content
            if call.holder != (named["brand"], named["campaign"], named["user"]):
                yield Violation(f"an answer for {call.holder} is somebody else's", (call,))
    for holder, _ in facts.tenures.by_holder():
        for _, call in facts.tenures.answers(holder):
            if call.ended < asked.get(holder, inf):
                yield Violation(f"{holder} held a code before anybody asked", (call,))
    for holder, code in facts.holders():
        if holder not in asked:
            yield Violation(
                f"{holder} has {code}, but every call for them was refused",
                tuple(facts.denied.get(holder, ())),
            )


def a_release_ends_one_reservation(facts: Facts) -> Violations:
    """Between two releases of a user there is a claim, and none begins before the first claim."""
    for holder, releases in facts.tenures.releases.items():
        done = sorted((call for call in releases if call.done), key=lambda call: call.began)
        claims = facts.tenures.claims.get(holder, ())
        for call in done:
            if not any(claim.began < call.ended for claim in claims):
                yield Violation(f"{holder} was released, and nobody had asked", (call,))
        for before, call in pairwise(done):
            if not any(c.began < call.ended and c.latest > before.began for c in claims):
                yield Violation(f"{holder} was released twice", (before, call))


def answers_survive(facts: Facts) -> Violations:
    """Rule 4: a user who got a code holds it in the end, unless something ended that."""
    for holder, tenures in facts.tenures.by_holder():
        for code, tenure in tenures.items():
            if shown := tenure.answer.proof(inf, inf):
                rows = facts.rows.get((holder[0], code), ())
                if not any(row.holder == holder for row in rows):
                    what = f"{holder} got {code}, and the database does not have it so"
                    yield Violation(what, (shown,))


def no_codes_left_is_answered_for_empty_pools_only(facts: Facts) -> Violations:
    """No user is refused while a code is certainly free: born before, taken after."""
    free: defaultdict[Pool, list[tuple[float, float]]] = defaultdict(list)
    for row in facts.history.rows:
        born = facts.born.get(row.key)
        if born is not None:
            free[row.pool].append((born, facts.taken[row.key]))
    spans = {pool: Spans(some) for pool, some in free.items()}
    for call in facts.exhausted:
        if call.pool in spans and spans[call.pool].hold(call.began, call.ended):
            yield Violation("no-codes-left was answered while a code was free", (call,))


def _is_object(call: Call) -> bool:
    return call.kind in TOLD and "user" in call.content


RULES = (
    no_code_is_held_by_two_users,
    no_user_holds_two_codes_of_a_campaign,
    an_answered_code_stays_the_answer,
    a_reservation_is_of_who_asked,
    a_release_ends_one_reservation,
    answers_survive,
    no_codes_left_is_answered_for_empty_pools_only,
)
