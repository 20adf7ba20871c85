"""The table of moves."""

from contextlib import suppress
from itertools import product

from service.auth.caller import Scope
from service.domain.campaigns import OnLapse, OnRelease, RedeemBy, Rules
from service.domain.errors import ServiceError
from service.domain.model import State
from service.domain.moves import TRANSITIONS, Cause, is_allowed, table
from service.domain.redeeming import CodeFacts, Order, redeem, undo
from service.domain.releasing import release
from service.domain.states import DisabledBy, Hold, StoredCode


def test_each_row_of_the_contract_is_there():
    assert set(range(1, 12)) == {each.number for each in TRANSITIONS}
    assert set(Cause) == {each.cause for each in TRANSITIONS}


def test_its_scopes_are_those_of_tokens():
    scopes = {f"discounts:{each.scope}" for each in TRANSITIONS if each.scope}
    assert scopes <= {scope.value for scope in Scope}


def test_only_the_clock_needs_no_scope():
    assert {Cause.LAPSE, Cause.END} == {each.cause for each in TRANSITIONS if not each.scope}


def test_what_is_not_in_it_is_not_allowed():
    assert is_allowed(Cause.REDEMPTION, State.RESERVED, State.REDEEMED)
    assert not is_allowed(Cause.REDEMPTION, State.DISABLED, State.REDEEMED)
    assert not is_allowed(Cause.RELEASE, State.REDEEMED, State.AVAILABLE)
    assert is_allowed(Cause.ERASURE, State.REDEEMED, State.REDEEMED)


def test_it_is_shown_with_each_row():
    lines = table().splitlines()
    assert len(TRANSITIONS) == len(lines) - 2
    assert all(6 == line.count("|") for line in lines)
    assert "| 2 | reserved | redeemed | `PUT …/redemption` by its holder |" in table()


NOW = 1_000_000_000
TIMES = (None, NOW - 1, NOW + 1)
HOLDS = (None, Hold("order", 1, NOW), Hold("order", 1, NOW + 1), Hold("another", 1, NOW + 1))
CODES = [
    StoredCode("u" if held else None, 1 if held else None, end, lapse, redeemed, disabled, by, hold)
    for held in (True, False)
    for end in (TIMES if held else (None,))
    for lapse in (OnLapse if end else (OnLapse.EXPIRE,))
    for redeemed in ((None, 5) if held else (None,))
    for disabled, by in ((None, None), *((5, each) for each in DisabledBy))
    for hold in (HOLDS if held else (None,))
]
RULES = [
    Rules(redeem_by=redeem_by, on_release=on_release, ends_at=ends_at)
    for redeem_by in RedeemBy
    for on_release in OnRelease
    for ends_at in TIMES
]
ORDER = Order("order", "u")


def test_each_move_that_calls_make_is_in_it():
    """All that can be stored of a code, under all rules that matter, before and after an end."""
    made = {
        (cause, stored.state(rules.ends_at, NOW), after.state(rules.ends_at, NOW))
        for stored, rules in product(CODES, RULES)
        for cause, after in moved(stored, rules)
    }
    assert {Cause.REDEMPTION, Cause.UNDO, Cause.RELEASE, Cause.LAPSE} == {each[0] for each in made}
    assert [] == [each for each in made if not is_allowed(*each)]
    table_of_calls = {
        (each.cause, before, after)
        for each in TRANSITIONS
        if each.cause in {Cause.REDEMPTION, Cause.UNDO, Cause.RELEASE}
        for before in each.before
        for after in each.after
    }
    assert [] == sorted(table_of_calls - made), "the table has no move that nothing makes"


def moved(stored, rules):
    """Yield what is stored of a code after each call that is not refused."""
    facts = CodeFacts(stored, rules)
    with suppress(ServiceError):
        yield Cause.REDEMPTION, redeem(facts, ORDER, NOW)
    with suppress(ServiceError):
        if stored.user and not stored.has_lapsed(NOW):
            yield Cause.RELEASE, release(stored, rules, NOW)
    if stored.redeemed_at:
        yield Cause.UNDO, undo(facts)
    if stored.has_lapsed(NOW):
        yield Cause.LAPSE, stored.nobodys()
