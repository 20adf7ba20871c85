"""The state of a code: the first of the contract's five that applies."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.campaigns import OnLapse
from service.domain.model import State
from service.domain.states import DisabledBy, Hold, StoredCode

NOW = 1000
MINE = StoredCode(user="u", reserved_at=1)
HELD = Hold("order", 900, NOW + 1)
DEAD = Hold("order", 900, NOW)

TIMES = st.sampled_from([None, 999, 1000, 1001])
CODES = st.builds(
    StoredCode,
    user=st.sampled_from([None, "u"]),
    expires_at=TIMES,
    on_lapse=st.sampled_from(OnLapse),
    redeemed_at=TIMES,
    disabled_at=TIMES,
    hold=st.sampled_from([None, HELD, DEAD]),
)


@pytest.mark.parametrize(
    ("code", "ends_at", "state"),
    [
        (StoredCode(), None, State.AVAILABLE),
        (StoredCode(), NOW + 1, State.AVAILABLE),
        (StoredCode(), NOW, State.EXPIRED),
        (MINE, None, State.RESERVED),
        (MINE, NOW, State.EXPIRED),
        (replace(MINE, expires_at=NOW), None, State.EXPIRED),
        (replace(MINE, expires_at=NOW), NOW + 1, State.EXPIRED),
        (replace(MINE, expires_at=NOW + 1), NOW, State.EXPIRED),
        (replace(MINE, expires_at=NOW, hold=HELD), NOW, State.RESERVED),
        (replace(MINE, expires_at=NOW, hold=DEAD), None, State.EXPIRED),
        (replace(MINE, redeemed_at=5, disabled_at=6), NOW, State.REDEEMED),
        (replace(MINE, disabled_at=6, hold=HELD), NOW, State.DISABLED),
    ],
)
def test_state(code, ends_at, state):
    assert state is code.state(ends_at, NOW)


@pytest.mark.parametrize(
    ("change", "ends_at", "state"),
    [
        ({}, None, State.AVAILABLE),
        ({}, NOW, State.EXPIRED),
        ({"hold": HELD}, None, State.RESERVED),
        ({"redeemed_at": 5}, None, State.REDEEMED),
        ({"disabled_at": 5, "disabled_by": DisabledBy.CALL}, None, State.DISABLED),
    ],
)
def test_a_lapsed_code_is_judged_as_if_it_were_nobodys(change, ends_at, state):
    lapsing = replace(MINE, expires_at=NOW, on_lapse=OnLapse.RECYCLE)
    code = replace(lapsing, **change)
    assert state is code.state(ends_at, NOW)
    assert code.has_lapsed(NOW) == (state in {State.AVAILABLE, State.EXPIRED})


@given(CODES, TIMES)
def test_to_undo_or_to_enable_brings_back_what_is_below(code, ends_at):
    below = replace(code, redeemed_at=None)
    if code.redeemed_at is None:
        assert code.state(ends_at, NOW) is below.state(ends_at, NOW)
    enabled = replace(below, disabled_at=None)
    if below.disabled_at is None:
        assert below.state(ends_at, NOW) is enabled.state(ends_at, NOW)
    assert enabled.state(ends_at, NOW) not in {State.REDEEMED, State.DISABLED}


@given(CODES, TIMES)
def test_a_live_hold_keeps_a_code_from_expiring(code, ends_at):
    held = replace(code, hold=HELD)
    assert held.state(ends_at, NOW) is not State.EXPIRED
    assert not held.has_lapsed(NOW)
