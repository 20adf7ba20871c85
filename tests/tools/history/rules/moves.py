"""Guarantees of staff's calls: they move nothing that is redeemed, and are refused for a reason."""

from math import inf

from tests.tools.history.facts import Facts, Violation, Violations
from tests.tools.history.history import Call, Kind


def a_redeemed_code_does_not_move(facts: Facts) -> Violations:
    """Rule 8: no release, PATCH or lapse takes a code that is certainly redeemed."""
    lives = facts.lives
    for call in facts.of(Kind.PATCH):
        found = lives.redemption((call.brand, call.code), call)
        if found and call.done and (call.disabled or call.end is not None):
            yield Violation(f"{call.code} was changed, and is redeemed", (found[1], call))
    for call in facts.of(Kind.RELEASE):
        held = facts.tenures.until(call)
        found = held and lives.redemption((call.brand, held[0]), call)
        if found and call.done:
            yield Violation("what was redeemed is released", (found[1], call))
    for holder, tenures in facts.tenures.by_holder():
        for code, tenure in tenures.items():
            for call in tenure.answer.proofs:
                found = lives.redemption((holder[0], code), call)
                if found and _user(found[1]) not in {None, holder[2]}:
                    yield Violation(f"{code} is redeemed, and given to {holder}", (found[1], call))


def _user(redemption: Call) -> str | None:
    """Return who redeemed a code; nobody is named any more after an erasure."""
    named: str | None = redemption.content.get("user")
    return named


def a_lapse_ends_a_reservation(facts: Facts) -> Violations:
    """Past its end, a reservation that is recycled is shown to nobody, and claimed anew.

    Disabled codes do not lapse.
    """
    for call in facts.of(Kind.SHOW, Kind.PUT):
        if call.status == 200 and call.pool in facts.tenures.recycling:
            if call.content["state"] == "disabled":
                continue
            code = call.content["discount_code"]
            claimed = facts.tenures.asked.get(call.holder, 0.0) > facts.recycling_since.get(
                call.pool, inf
            )
            if claimed and (end := facts.lives.lapsed((call.brand, code), call)):
                yield Violation(f"the reservation of {code} had lapsed", (end, call))


def refusals_of_moves_have_a_cause(facts: Facts) -> Violations:
    """Staff are refused for a redemption, a retirement or an erasure that may be there."""
    for call in (*facts.of(Kind.PATCH), *facts.of(Kind.RELEASE)):
        if not _has_a_cause(facts, call):
            yield Violation("nothing can have been in the way", (call,))


def _has_a_cause(facts: Facts, call: Call) -> bool:
    key = call.brand, call.code
    match call.kind, call.slug:
        case Kind.PATCH, "code-redeemed":
            return bool(facts.lives.possible_redemptions(key, call))
        case Kind.RELEASE, "code-redeemed":
            return any(
                each.possible and each.began < call.ended and each.holder == call.holder
                for each in facts.of_brand(call.brand, Kind.REDEEM)
            )
        case Kind.PATCH, "not-reserved":
            return facts.tenures.holder(key, call) is None
        case Kind.PATCH, "conflict":
            retiring = facts.of_brand(call.brand, Kind.RELEASE, Kind.ERASE)
            return any(each.possible and each.began < call.ended for each in retiring)
    return True


RULES = (a_redeemed_code_does_not_move, a_lapse_ends_a_reservation, refusals_of_moves_have_a_cause)
