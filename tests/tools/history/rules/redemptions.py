"""Rule 7: a code is redeemed once at a time, by who may, and once for ever by a reference."""

from collections import defaultdict
from math import inf

from tests.tools.history.facts import BrandCode, Facts, Violation, Violations
from tests.tools.history.history import Call, Kind, RedemptionRow
from tests.tools.history.lives import Reference, is_redeemed, reference_of
from tests.tools.history.spans import Fact, contradictions

TAKES = (Kind.REDEEM, Kind.HOLD)


def a_code_is_redeemed_once_at_a_time(facts: Facts) -> Violations:
    """Between two references that redeemed a code, the first was undone."""
    for (brand, code), references in facts.lives.redeemed.items():
        for calls in contradictions(references.values()):
            yield Violation(f"{code} of {brand} is redeemed by two references", calls)


def a_reference_redeems_once(facts: Facts) -> Violations:
    """One PUT of a reference redeems now, all others repeat its answer, and none after an undo."""
    by_reference: defaultdict[Reference, list[Call]] = defaultdict(list)
    for call in facts.of(Kind.REDEEM):
        if call.done:
            by_reference[reference_of(call)].append(call)
        yield from _spent(facts, call)
    for calls in by_reference.values():
        if len({call.body for call in calls}) > 1 and not _may_be_erased(facts, calls):
            yield Violation("one reference has several redemptions", tuple(calls))
        new = [call for call in calls if call.status == 201]
        answered = min(call.ended for call in calls)
        if len(new) > 1 or any(call.began > answered for call in new):
            yield Violation("a reference redeemed a code twice", tuple(calls))


def _spent(facts: Facts, call: Call) -> Violations:
    """Yield an answer that redeems by a reference that was undone, or refuses one that was not."""
    undo = facts.lives.undone(call)
    if undo and (call.done or call.status == 409) and call.slug != "redemption-undone":
        yield Violation("a reference that was undone is not refused as such", (undo, call))
    if call.slug == "redemption-undone" and not any(
        each.began < call.ended for each in facts.lives.undos_of(call)
    ):
        yield Violation("a reference is called undone, and nobody undid it", (call,))


def _may_be_erased(facts: Facts, calls: list[Call]) -> bool:
    return any((call.brand, call.user) in facts.tenures.erasures for call in calls)


def a_redemption_lasts_until_its_own_undo(facts: Facts) -> Violations:
    """Rule 8: who redeemed is told so until that reference is undone."""
    for call in facts.of(Kind.REDEEM, Kind.REDEMPTION):
        fact = facts.lives.redeemed.get((call.brand, call.code), {}).get(call.reference, Fact())
        if shown := fact.certain(call):
            if call.slug in {"code-redeemed", "redemption-not-found", "redemption-undone"}:
                yield Violation("a redemption is gone, and was not undone", (shown, call))
            elif call.done and not is_redeemed(call):
                yield Violation("a redemption is shown as undone", (shown, call))
        undo = facts.lives.undone(call)
        if undo and call.kind is Kind.REDEMPTION and _shows_life(call):
            yield Violation("an undo is not shown", (undo, call))


def _shows_life(call: Call) -> bool:
    return (call.done and is_redeemed(call)) or call.slug == "redemption-not-found"


def a_redemption_has_a_cause(facts: Facts) -> Violations:
    """Nothing is redeemed or undone that nobody asked for."""
    lives = facts.lives
    for call in facts.of(Kind.REDEMPTION):
        if call.done:
            asked = [each for each in lives.redeems[call.brand, call.code] if _same(each, call)]
            causes = asked if is_redeemed(call) else lives.undos_of(call)
            if not any(cause.began < call.ended for cause in causes):
                yield Violation("this is shown, and nobody had asked for it", (call,))
    for call in facts.of(*TAKES):
        if call.slug == "code-redeemed" and not [
            each
            for each in lives.possible_redemptions((call.brand, call.code), call)
            if each.reference != call.reference or call.kind is Kind.HOLD
        ]:
            yield Violation("no other reference can have redeemed the code", (call,))


def _same(one: Call, other: Call) -> bool:
    return one.reference == other.reference


def a_code_is_used_by_its_holder_alone(facts: Facts) -> Violations:
    """What is redeemed or held is somebody's, who asks, and nothing stands in the way."""
    for call in facts.of(*TAKES):
        if call.status == 201 or (call.kind is Kind.HOLD and call.done):
            for what, shown in _obstacles(facts, call):
                yield Violation(f"{call.kind} of {call.code}, which {what}", (shown, call))


def _obstacles(facts: Facts, call: Call) -> list[tuple[str, Call]]:
    key: BrandCode = call.brand, call.code
    lives, found = facts.lives, []
    holder = facts.tenures.holder(key, call)
    if holder and holder[0][2] != call.user:
        found.append(("is another's", holder[1]))
    if shown := lives.disabled[key].certain(call):
        found.append(("is disabled", shown))
    retired = lives.retired.get(key)
    if retired and retired.ended < call.began:
        found.append(("is retired", retired))
    redemption = lives.redemption(key, call)
    if redemption and redemption[0] != call.reference:
        found.append(("is redeemed", redemption[1]))
    if shown := lives.lapsed(key, call):
        found.append(("has lapsed", shown))
    return found


def a_holder_is_not_turned_away(facts: Facts) -> Violations:
    """Who certainly holds a code is not told that it is another's, nobody's or unknown."""
    for call in facts.of(*TAKES):
        if call.slug in {"not-the-holder", "not-reserved", "already-holds", "user-erased"}:
            found = facts.tenures.holder((call.brand, call.code), call)
            if found and found[0][2] == call.user:
                yield Violation("the holder of the code is turned away", (found[1], call))


def stored_redemptions_have_a_cause(facts: Facts) -> Violations:
    """Rule 7 in the database: one redemption of a code at most, which somebody asked for."""
    live: defaultdict[BrandCode, list[RedemptionRow]] = defaultdict(list)
    for row in facts.history.redemptions:
        undos = facts.lives.undos.get((row.brand, row.code, row.reference), ())
        if row.undone:
            if not undos:
                yield Violation(f"{row}, and nobody had undone it")
            continue
        live[row.brand, row.code].append(row)
        if undo := next((each for each in undos if each.done), None):
            yield Violation(f"{row} was undone", (undo,))
        redeems = facts.lives.redeems.get((row.brand, row.code), ())
        if not any(each.reference == row.reference for each in redeems):
            yield Violation(f"{row}, and nobody had redeemed it")
    for key, several in live.items():
        if len(several) > 1:
            yield Violation(f"{key} is redeemed by {several}")


def answered_redemptions_survive(facts: Facts) -> Violations:
    """Rule 4 for redemptions: what was answered is stored."""
    rows = {(row.brand, row.code, row.reference): row for row in facts.history.redemptions}
    for (brand, code), references in facts.lives.redeemed.items():
        for reference, fact in references.items():
            found = rows.get((brand, code, reference))
            if (shown := fact.proof(inf, inf)) and (found is None or found.undone):
                yield Violation(f"the redemption of {code} by {reference} is lost", (shown,))


RULES = (
    a_code_is_redeemed_once_at_a_time,
    a_reference_redeems_once,
    a_redemption_lasts_until_its_own_undo,
    a_redemption_has_a_cause,
    a_code_is_used_by_its_holder_alone,
    a_holder_is_not_turned_away,
    stored_redemptions_have_a_cause,
    answered_redemptions_survive,
)
