"""The checker finds each kind of violation in a handmade history, and none in a correct one."""

from dataclasses import replace

import pytest

from tests.history import test_checker_of_lives
from tests.history.breaches import BREACHES
from tests.history.handmade import BAD, BRAND, COUNTS, EMPTY, GOOD, LIST, ROWS, free, lost
from tests.tools.history.checker import RULES, violations
from tests.tools.history.history import CallFailure, Disturbance, History, Kind


def broken(calls, rows=ROWS, brands=frozenset({BRAND}), rolls=()):
    """Return the violated rules."""
    return {found.rule for found in violations(History(calls, rows, brands, rolls=rolls))}


def test_a_good_history_breaks_nothing():
    assert set() == broken(GOOD)


def test_a_call_without_an_answer_may_be_done_or_not():
    not_done = [*ROWS[:2], free("CCCC")]
    without = [call for call in GOOD if call not in {EMPTY, LIST, COUNTS}]
    assert set() == broken(without, not_done)


def test_creates_without_an_answer_may_be_done_or_not_each_of_them():
    cut_off = [*GOOD, lost(Kind.ADD, 30, count=2), lost(Kind.ADD, 31, count=1)]
    for found in ([], ["DDDD"], ["DDDD", "EEEE"], ["DDDD", "EEEE", "FFFF"]):
        assert set() == broken(cut_off, [*ROWS, *(free(code, 9) for code in found)])


def test_what_a_connection_refused_cannot_have_been_done():
    calls = [*GOOD, lost(Kind.ADD, 30, CallFailure.REFUSED, count=1)]
    assert broken(calls, [*ROWS, free("DDDD", 9)])


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_is_found(breach):
    rule, calls, rows = BREACHES[breach]
    assert rule in broken(calls, rows)


def test_a_brand_that_a_refusal_made_is_found():
    calls = [*GOOD, replace(BAD, brand="brand2")]
    assert {"refused creates make nothing"} == broken(calls, brands=frozenset({BRAND, "brand2"}))


def test_a_call_lost_in_a_rolling_restart_is_found():
    rolls = [Disturbance("rolling restart", 29, 40)]
    for failure, ended in (
        (CallFailure.CUT, 30.1),
        (CallFailure.REFUSED, 30.1),
        (CallFailure.TIMEOUT, 39),
    ):
        gone = replace(lost(Kind.FETCH, 30, failure, user="ann"), ended=ended)
        assert {"rolling restarts lose no call"} == broken([*GOOD, gone], rolls=rolls)
        assert set() == broken([*GOOD, gone])


def test_who_hangs_up_early_in_a_rolling_restart_has_lost_nothing():
    rolls = [Disturbance("rolling restart", 29, 40)]
    gone = replace(lost(Kind.FETCH, 30, CallFailure.TIMEOUT, user="ann"), ended=30.1)
    assert set() == broken([*GOOD, gone], rolls=rolls)


def test_every_rule_is_seen_to_fail():
    in_tests_of_their_own = {"refused_creates_make_nothing", "rolling_restarts_lose_no_call"}
    breaches = [*BREACHES.values(), *test_checker_of_lives.BREACHES.values()]
    seen = {str(breach[0]).replace(" ", "_") for breach in breaches}
    assert {rule.__name__ for rule in RULES} == seen | in_tests_of_their_own
