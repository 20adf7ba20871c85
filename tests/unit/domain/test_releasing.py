"""The rules of releases."""

from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse, OnRelease, Rules
from service.domain.code_refusals import CodeHeld, CodeRedeemed
from service.domain.model import State
from service.domain.releasing import release
from service.domain.states import DisabledBy, Hold, StoredCode

NOW = 1_000_000_000
RETIRE, RECYCLE = Rules(), Rules(on_release=OnRelease.RECYCLE)
HELD = StoredCode("u", 1, NOW + 5, OnLapse.RECYCLE, hold=Hold("o", 1, NOW), version=7)
DISABLED = replace(HELD, disabled_at=3, disabled_by=DisabledBy.CALL)


def test_a_retired_code_is_disabled_and_nobodys():
    retired = StoredCode(disabled_at=NOW, disabled_by=DisabledBy.RELEASE, version=7)
    assert retired == release(HELD, RETIRE, NOW)
    assert retired == release(DISABLED, RETIRE, NOW), "for good"


def test_a_recycled_code_is_what_is_below():
    assert StoredCode(version=7) == release(HELD, RECYCLE, NOW)
    below = release(DISABLED, RECYCLE, NOW)
    assert (State.DISABLED, DisabledBy.CALL, None) == (
        below.state(None, NOW),
        below.disabled_by,
        below.user,
    )
    expired = replace(HELD, on_lapse=OnLapse.EXPIRE, expires_at=NOW)
    assert State.AVAILABLE is release(expired, RECYCLE, NOW).state(None, NOW)


@pytest.mark.parametrize("rules", [RETIRE, RECYCLE])
def test_what_is_used_is_not_released(rules):
    with pytest.raises(CodeRedeemed) as redeemed:
        release(replace(DISABLED, redeemed_at=4), rules, NOW)
    assert {"state": State.REDEEMED} == redeemed.value.members
    with pytest.raises(CodeHeld) as held:
        release(HELD, rules, NOW - 1)
    assert (1, {"state": State.RESERVED}) == (held.value.retry_after, held.value.members)
