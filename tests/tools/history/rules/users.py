"""Guarantees of users: one code each, for ever, and of no other user."""

from collections import defaultdict

from tests.tools.history.facts import BrandCode, Facts, Holder, Pool, Spans, Violation, Violations
from tests.tools.history.history import Call


def no_code_is_held_by_two_users(facts: Facts) -> Violations:
    """Rule 1, by every answer and in the database."""
    users: defaultdict[BrandCode, set[Holder]] = defaultdict(set)
    for holder, code in facts.holders():
        users[holder[0], code].add(holder)
    for (brand, code), held_by in users.items():
        if len(held_by) > 1:
            yield Violation(
                f"{code} of {brand} is held by {sorted(held_by)}", _calls_answering(facts, held_by)
            )


def no_user_holds_two_codes_of_a_campaign(facts: Facts) -> Violations:
    """Rules 1 and 2: the answer never changes, and agrees with the database in the end."""
    codes: defaultdict[Holder, set[str]] = defaultdict(set)
    for holder, code in facts.holders():
        codes[holder].add(code)
    for holder, held in codes.items():
        if len(held) > 1:
            yield Violation(f"{holder} holds {sorted(held)}", _calls_answering(facts, {holder}))


def an_answered_code_is_answered_for_ever(facts: Facts) -> Violations:
    """Rule 2 in real time: no call that began after an answer may know less."""
    for holder, known in facts.known.items():
        before = min(facts.answered[holder], key=lambda each: each[1].ended)[1]
        for call in facts.denied.get(holder, ()):
            if call.began > known:
                yield Violation(f"{holder} got a code, and later none", (before, call))
        reserved_now = [call for _, call in facts.answered[holder] if call.status == 201]
        if len(reserved_now) > 1:
            yield Violation(f"{holder} was given a code more than once", tuple(reserved_now))
        for call in reserved_now:
            if call.began > known:
                yield Violation(f"what {holder} held was reserved again", (before, call))
        shown = {repr(call.content): call for _, call in facts.answered[holder] if _is_object(call)}
        if len(shown) > 1:
            yield Violation(f"the reservation of {holder} changed", tuple(shown.values()))


def a_reservation_is_of_who_asked(facts: Facts) -> Violations:
    """An answer names its user, and no user holds a code without a request."""
    for holder, answers in facts.answered.items():
        for _, call in answers:
            answered = call.content
            if _is_object(call) and holder != (
                answered["brand"],
                answered["campaign"],
                answered["user"],
            ):
                yield Violation(f"an answer for {holder} is somebody else's", (call,))
            if call.ended < facts.asked.get(holder, 0.0):
                yield Violation(f"{holder} held a code before anybody asked", (call,))
    for row in facts.history.rows:
        if row.user is not None and row.holder not in facts.asked:
            yield Violation(
                f"{row.holder} has {row.code}, but every call for them was refused",
                tuple(facts.denied.get(row.holder, ())),
            )


def answers_survive(facts: Facts) -> Violations:
    """Rule 4: a user who got a code holds it in the end."""
    for holder, answers in facts.answered.items():
        for code in {code for code, _ in answers}:
            if not any(row.holder == holder for row in facts.rows.get((holder[0], code), ())):
                yield Violation(
                    f"{holder} got {code}, and the database does not have it so",
                    _calls_answering(facts, {holder}),
                )


def states_fit_holders(facts: Facts) -> Violations:
    """A code is available exactly as long as nobody holds it."""
    for row in facts.history.rows:
        expected = "available" if row.user is None else "reserved"
        if row.state != expected:
            yield Violation(f"{row} should be {expected}")


def no_codes_left_is_answered_for_empty_pools_only(facts: Facts) -> Violations:
    """No user is refused while a code is certainly free: born before, taken after."""
    free: defaultdict[Pool, list[tuple[float, float]]] = defaultdict(list)
    for row in facts.history.rows:
        born = facts.born.get((row.brand, row.code))
        if born is not None:
            free[row.brand, row.campaign].append((born, facts.taken(row)))
    spans = {pool: Spans(some) for pool, some in free.items()}
    for call in facts.exhausted:
        if call.pool in spans and spans[call.pool].hold(call.began, call.ended):
            yield Violation("no-codes-left was answered while a code was free", (call,))


def _is_object(call: Call) -> bool:
    return "user" in call.content


def _calls_answering(facts: Facts, holders: set[Holder]) -> tuple[Call, ...]:
    """Return the first call that answered each user with each code."""
    first: dict[tuple[Holder, str], Call] = {}
    for holder in holders:
        for code, call in facts.answered.get(holder, ()):
            first.setdefault((holder, code), call)
    return tuple(first.values())


RULES = (
    no_code_is_held_by_two_users,
    no_user_holds_two_codes_of_a_campaign,
    an_answered_code_is_answered_for_ever,
    a_reservation_is_of_who_asked,
    answers_survive,
    states_fit_holders,
    no_codes_left_is_answered_for_empty_pools_only,
)
