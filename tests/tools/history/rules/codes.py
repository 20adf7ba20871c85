"""Guarantees of states: each that is shown or stored has a cause, and is not behind."""

from collections.abc import Iterable, Iterator
from math import inf
from typing import NamedTuple

from tests.tools.history.facts import BrandCode, Facts, Violation, Violations
from tests.tools.history.history import RESERVES, Call, Kind

CLOCK_S = 1.0
"""How far the clocks of the service and of the drill may be apart."""
FITS = {
    "available": lambda user: user is None,
    "reserved": lambda user: user is not None,
    "redeemed": lambda user: user is not None,
    "expired": lambda user: user is not None,
    "disabled": lambda _: True,
}
"""What the database may say of the holders of codes in each state."""
READS = {Kind.CODE, Kind.LOOK, Kind.LIST, Kind.SHOW, Kind.WALLET}


class Shown(NamedTuple):
    """A state of a code, as a call shows it."""

    key: BrandCode
    state: str
    call: Call
    version: int | None


def shown(facts: Facts) -> Iterator[Shown]:
    """Return all states that answers show."""
    for call in facts.of(Kind.CODE, Kind.LOOK, Kind.PATCH, Kind.LIST):
        if call.done:
            items = call.content if call.kind is Kind.LIST else [call.content]
            for item in items:
                yield _shown(call, item["code"], item)
    for call in facts.of(*RESERVES, Kind.SHOW, Kind.WALLET):
        if call.done:
            items = call.content["items"] if call.kind is Kind.WALLET else [call.content]
            for item in items:
                if "state" in item:
                    yield _shown(call, item["discount_code"], item)


def _shown(call: Call, code: str, item: dict[str, object]) -> Shown:
    version = item.get("version")
    known = version if isinstance(version, int) else None
    return Shown((call.brand, code), str(item["state"]), call, known)


def shown_codes_are_not_behind(facts: Facts) -> Violations:
    """A state that was certain before a call, and until its end, is the one that it shows."""
    for each in shown(facts):
        key, state, call, _ = each
        if key not in facts.rows:
            yield Violation(f"{key} was shown, and is not there in the end", (call,))
        elif certain := _written(facts, key, call) or _certain(facts, key, call):
            states, proof = certain
            if state not in states:
                yield Violation(f"{key} is shown as {state}, not as {states}", (proof, call))


def stored_states_are_those_of_the_answers(facts: Facts) -> Violations:
    """What was redeemed or disabled is so in the end, and nothing else is."""
    for row in facts.history.rows:
        end = Call("the end", Kind.LIST, row.brand, inf, inf, campaign=row.campaign)
        certain = _written(facts, row.key, end)
        if certain and row.state not in certain[0]:
            yield Violation(f"{row} should be {certain[0]}", (certain[1],))
        if not _may_be(facts, row.key, row.state, end):
            yield Violation(f"{row}, and nobody had asked for that")


def _written(facts: Facts, key: BrandCode, call: Call) -> tuple[list[str], Call] | None:
    """Return the states of which a code has one by what was written, and what shows it."""
    lives = facts.lives
    if found := lives.redemption(key, call):
        return ["redeemed"], found[1]
    if proof := lives.disabled[key].certain(call):
        return ["disabled"], proof
    retired = lives.retired.get(key)
    if retired and retired.ended < call.began:
        return ["disabled", "redeemed"], retired
    return None


def _certain(facts: Facts, key: BrandCode, call: Call) -> tuple[list[str], Call] | None:
    """Return the states of which a code has one by its user and the clock."""
    lives = facts.lives
    if call.kind in READS and (proof := lives.lapsed(key, call)):
        return ["expired", "available", "disabled"], proof
    if holder := facts.tenures.holder(key, call):
        return ["reserved", "redeemed", "expired", "disabled"], holder[1]
    return None


def shown_states_have_a_cause(facts: Facts) -> Violations:
    """No state is shown before the call that may have led to it."""
    for key, state, call, _ in shown(facts):
        if key in facts.rows and not _may_be(facts, key, state, call):
            yield Violation(f"{key} is shown as {state}, and nobody had asked for that", (call,))


def _may_be(facts: Facts, key: BrandCode, state: str, call: Call) -> bool:
    lives, patches = facts.lives, facts.lives.patches.get(key, ())
    match state:
        case "reserved":
            return facts.taken[key] <= call.ended
        case "redeemed":
            return bool(lives.possible_redemptions(key, call))
        case "disabled":
            switched = (each for each in patches if each.disabled)
            retiring = facts.of_brand(key[0], Kind.RELEASE, Kind.ERASE)
            return _began([*switched, *retiring], call)
        case "expired":
            ends = [each.end - CLOCK_S for each in patches if each.end is not None]
            return any(end < call.ended for end in ends)
    return True


def _began(calls: Iterable[Call], call: Call) -> bool:
    """Return whether one of some calls may have had its effect before another ended."""
    return any(each.possible and each.began < call.ended for each in calls)


def versions_rise(facts: Facts) -> Violations:
    """A later look at a code has no lower version, and one version has one state but for ends."""
    latest: dict[BrandCode, tuple[int, Call]] = {}
    looks = [each for each in shown(facts) if each.version is not None]
    for key, _, call, version in sorted(looks, key=lambda each: each.call.ended):
        before = latest.get(key)
        assert version is not None
        if before and version < before[0] and before[1].ended < call.began:
            yield Violation(f"the version of {key} fell", (before[1], call))
        if before is None or version > before[0]:
            latest[key] = version, call


def states_fit_holders(facts: Facts) -> Violations:
    """A code is available exactly as long as nobody holds it."""
    for row in facts.history.rows:
        if row.state not in FITS or not FITS[row.state](row.user):
            yield Violation(f"{row} does not fit its user")


RULES = (
    shown_codes_are_not_behind,
    shown_states_have_a_cause,
    stored_states_are_those_of_the_answers,
    versions_rise,
    states_fit_holders,
)
