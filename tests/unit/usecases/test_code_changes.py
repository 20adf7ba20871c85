"""Changing a code: one move, none if nothing changes, and again if somebody else was first."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.campaigns import OnLapse
from service.domain.code_changes import CodeChange, NewEnd
from service.domain.code_refusals import CodeRedeemed
from service.domain.errors import CodeNotFound
from service.domain.model import State
from service.domain.states import StoredCode
from service.usecases.code_changes import change
from tests.unit.usecases.code_moves import NOW, MemoryMoves

HELD = StoredCode(user="u", reserved_at=5, expires_at=NOW + 9, version=3)
DISABLE = CodeChange(disabled=True)


class Campaigns:
    """A store of any campaign."""

    def require_campaign(self, _brand, _campaign):
        """Do nothing: there is one."""


def changed(moves, wanted, code="CODE", campaign="default"):
    store: Any = Campaigns()
    return change(moves, store, "b", campaign, code, wanted, moves.clock)


def of(stored) -> Any:
    return MemoryMoves(codes={"CODE": stored})


def test_the_answer_is_the_code_after_the_move():
    moves = of(HELD)
    shown = changed(moves, DISABLE)
    assert (State.DISABLED, 4) == (shown.state, shown.version)
    assert 4 == moves.codes["CODE"].version
    shown = changed(moves, CodeChange(disabled=False))
    assert (State.RESERVED, 5) == (shown.state, shown.version)


def test_nothing_moves_if_nothing_changes():
    moves = of(HELD)
    for wanted in (CodeChange(disabled=False), CodeChange(end=NewEnd(NOW + 9))):
        assert 3 == changed(moves, wanted).version
    assert [] == moves.moved


def test_who_is_second_hears_the_state_that_is_there():
    moves = of(HELD)
    redeemed = replace(HELD, redeemed_at=NOW, version=4)
    moves.before_write = [lambda: moves.codes.update(CODE=redeemed)]
    with pytest.raises(CodeRedeemed):
        changed(moves, DISABLE)
    assert redeemed == moves.codes["CODE"]


def test_what_somebody_else_did_meanwhile_stays():
    moves = of(HELD)
    longer = replace(HELD, expires_at=NOW + 99, version=4)
    moves.before_write = [lambda: moves.codes.update(CODE=longer)]
    assert (State.DISABLED, NOW + 99) == (
        changed(moves, DISABLE).state,
        moves.codes["CODE"].expires_at,
    )


@pytest.mark.parametrize("on_lapse", OnLapse)
def test_a_reservation_may_end_now(on_lapse):
    shown = changed(of(replace(HELD, on_lapse=on_lapse)), CodeChange(end=NewEnd(NOW)))
    assert (State.EXPIRED if on_lapse is OnLapse.EXPIRE else State.AVAILABLE) is shown.state


def test_a_later_end_brings_an_expired_code_back():
    shown = changed(of(replace(HELD, expires_at=1)), CodeChange(end=NewEnd(None)))
    assert (State.RESERVED, None) == (shown.state, shown.expires_at)


@pytest.mark.parametrize(("code", "campaign"), [("OTHER", "default"), ("CODE", "summer")])
def test_a_code_that_the_campaign_has_not(code, campaign):
    with pytest.raises(CodeNotFound):
        changed(of(HELD), DISABLE, code, campaign)
