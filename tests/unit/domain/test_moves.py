"""The table of moves."""

from service.auth.caller import Scope
from service.domain.model import State
from service.domain.moves import TRANSITIONS, Cause, is_allowed, table


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
