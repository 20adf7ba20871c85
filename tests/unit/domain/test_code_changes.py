"""Changes of a code: what is refused, and what is stored afterwards."""

from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse
from service.domain.code_changes import CodeChange, NewEnd, change_code
from service.domain.code_refusals import CodeRedeemed, NotReserved
from service.domain.errors import Conflict, InvalidRequest
from service.domain.states import DisabledBy, Hold, StoredCode

NOW = 1_000_000
HELD = StoredCode(user="u", reserved_at=5, expires_at=NOW + 9, version=3)
OFF = replace(HELD, disabled_at=7, disabled_by=DisabledBy.CALL)
LAPSED = replace(HELD, expires_at=NOW, on_lapse=OnLapse.RECYCLE)
ERASED = replace(HELD, user="/1.2", disabled_at=7, disabled_by=DisabledBy.ERASURE, expires_at=None)
RETIRED = StoredCode(disabled_at=7, disabled_by=DisabledBy.RELEASE)


def disabled(stored, *, wanted=True):
    return change_code(stored, CodeChange(disabled=wanted), NOW)


def ending(stored, at):
    return change_code(stored, CodeChange(end=NewEnd(at)), NOW)


@pytest.mark.parametrize(
    "stored",
    [StoredCode(), HELD, replace(HELD, expires_at=1), replace(HELD, hold=Hold("o", 1, NOW + 9))],
)
def test_what_is_not_redeemed_is_disabled_and_back(stored):
    off = disabled(stored)
    assert replace(stored, disabled_at=NOW, disabled_by=DisabledBy.CALL) == off
    assert stored == disabled(off, wanted=False), "it brings back what is below"


@pytest.mark.parametrize(("stored", "wanted"), [(HELD, False), (OFF, True)])
def test_the_same_again_changes_nothing(stored, wanted):
    assert stored == disabled(stored, wanted=wanted)


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("stored", [RETIRED, ERASED])
def test_what_was_retired_or_erased_stays_disabled(stored, wanted):
    with pytest.raises(Conflict):
        disabled(stored, wanted=wanted)


@pytest.mark.parametrize(
    "change",
    [CodeChange(disabled=True), CodeChange(disabled=False), CodeChange(end=NewEnd(NOW + 1))],
)
def test_what_is_redeemed_stays_so(change):
    for stored in (HELD, ERASED):
        with pytest.raises(CodeRedeemed) as refused:
            change_code(replace(stored, redeemed_at=6), change, NOW)
        assert "redeemed" == refused.value.members["state"]


def test_a_lapsed_code_is_nobodys_when_it_is_disabled():
    assert LAPSED.nobodys() == replace(disabled(LAPSED), disabled_at=None, disabled_by=None)
    assert LAPSED == disabled(LAPSED, wanted=False)


@pytest.mark.parametrize("at", [None, NOW, NOW + 20, NOW + 9])
@pytest.mark.parametrize("stored", [HELD, replace(HELD, expires_at=1), OFF])
def test_the_end_of_a_reservation_moves(stored, at):
    assert replace(stored, expires_at=at) == ending(stored, at)


def test_an_end_in_the_past_is_refused_unless_it_is_the_stored_one():
    with pytest.raises(InvalidRequest) as refused:
        ending(HELD, NOW - 1)
    assert ["/expires_at"] == [each.pointer for each in refused.value.errors]
    ended = replace(HELD, expires_at=NOW - 1)
    assert ended == ending(ended, NOW - 1)


@pytest.mark.parametrize("at", [None, NOW - 1, NOW + 1])
@pytest.mark.parametrize("stored", [StoredCode(), LAPSED, ERASED, RETIRED])
def test_an_end_belongs_to_a_reservation(stored, at):
    with pytest.raises(NotReserved):
        ending(stored, at)


def test_both_at_once_happen_together_or_not_at_all():
    both = CodeChange(disabled=True, end=NewEnd(None))
    assert replace(
        HELD, expires_at=None, disabled_at=NOW, disabled_by=DisabledBy.CALL
    ) == change_code(HELD, both, NOW)
    with pytest.raises(NotReserved):
        change_code(StoredCode(), both, NOW)
