"""The checker finds what goes wrong with holds, redemptions, releases, lapses and erasures."""

from dataclasses import replace

import pytest

from tests.history.breaches_of_lives import BREACHES as LIVES
from tests.history.breaches_of_redemptions import BREACHES as REDEEMED
from tests.history.handmade_life import BRAND, COUNTS, GOOD, REDEMPTIONS, ROWS, row
from tests.tools.history.checker import violations
from tests.tools.history.history import History, RedemptionRow

BREACHES = LIVES | REDEEMED


def broken(calls=GOOD, rows=ROWS, redemptions=REDEMPTIONS):
    """Return the violated rules."""
    found = violations(History(calls, rows, frozenset({BRAND}), redemptions))
    return {violation.rule for violation in found}


def test_a_good_life_breaks_nothing():
    assert set() == broken()


def test_a_redemption_without_an_answer_may_be_done_or_not():
    done = [*REDEMPTIONS, RedemptionRow(BRAND, "LCCC", "r8", "eve", undone=False)]
    counted = replace(COUNTS, body=COUNTS.body.replace(b'"reserved": 1', b'"reserved": 0'))
    counted = replace(counted, body=counted.body.replace(b'"redeemed": 1', b'"redeemed": 2'))
    calls = [counted if call is COUNTS else call for call in GOOD]
    assert set() == broken(calls, row("LCCC", state="redeemed"), done)


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_is_found(breach):
    rule, *history = BREACHES[breach]
    assert rule in broken(*history)
