"""Guarantees of holds: one refuses every other reference, and never its own."""

from tests.tools.history.facts import Facts, Violation, Violations
from tests.tools.history.history import Call, Kind

TAKES = (Kind.REDEEM, Kind.HOLD)


def a_hold_keeps_others_away(facts: Facts) -> Violations:
    """While a hold is certainly live, no other reference redeems or holds, and nobody releases."""
    for call in facts.of(*TAKES):
        if call.status == 201 and not call.take_over:
            held = facts.lives.hold((call.brand, call.code), call)
            if held and held.reference != call.reference:
                yield Violation(f"{call.code} is held by another reference", (held, call))
    for call in facts.of(Kind.RELEASE):
        if call.done and (found := facts.tenures.until(call)):
            held = facts.lives.hold((call.brand, found[0]), call)
            if held:
                yield Violation(f"{found[0]} was released during a hold", (held, call))


def a_hold_refuses_others_alone(facts: Facts) -> Violations:
    """Who is told that a code is held meets the possible hold of another reference."""
    for call in facts.of(*TAKES):
        if call.slug == "code-held":
            holds = facts.lives.possible_holds((call.brand, call.code), call)
            if all(held.reference == call.reference for held in holds):
                yield Violation("no other reference can hold the code", (*holds, call))
    for call in facts.of(Kind.RELEASE):
        if call.slug == "code-held" and not _holds_for(facts, call):
            yield Violation("nobody held a code of this user", (call,))


def _holds_for(facts: Facts, call: Call) -> bool:
    return any(
        held.possible and held.began < call.ended and held.holder == call.holder
        for held in facts.of_brand(call.brand, Kind.HOLD)
    )


RULES = (a_hold_keeps_others_away, a_hold_refuses_others_alone)
