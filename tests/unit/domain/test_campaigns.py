"""The rules of campaigns: windows, the reasons of closed ones, and terms that are fixed."""

from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse, OnRelease, RedeemBy, Rules, earlier
from service.domain.errors import Closed
from service.domain.terms import faults, faults_of_end, fixed_terms

NOW = 1_000_000
PERCENT = {"type": "percent", "value": "15"}
AMOUNT = {"type": "amount", "value": "5.00", "currency": "EUR"}


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (Rules(), None),
        (Rules(claims_from=NOW), None),
        (Rules(claims_from=NOW + 1), Closed.EARLY),
        (Rules(starts_at=NOW + 1), None),
        (Rules(ends_at=NOW + 1), None),
        (Rules(ends_at=NOW), Closed.ENDED),
        (Rules(paused=True), Closed.PAUSED),
        (Rules(archived=True, ends_at=NOW, paused=True), Closed.ARCHIVED),
        (Rules(ends_at=NOW, claims_from=NOW + 1, paused=True), Closed.ENDED),
        (Rules(claims_from=NOW + 1, paused=True), Closed.EARLY),
    ],
)
def test_why_a_campaign_is_closed(rules, reason):
    assert reason == rules.closed(NOW)


def test_a_reservation_may_end_by_itself():
    assert Rules().ends_of_reservation(NOW) is None
    assert NOW + 60_000 == Rules(reservation_ttl_s=60).ends_of_reservation(NOW)


def test_of_two_ends_the_earlier_counts():
    assert earlier(None, None) is None
    assert 3 == earlier(None, 3) == earlier(3, None) == earlier(3, 5) == earlier(5, 3)


@pytest.mark.parametrize(
    ("rules", "pointers"),
    [
        (Rules(claims_from=1, starts_at=2, ends_at=3), []),
        (Rules(claims_from=2, starts_at=1, ends_at=3), []),
        (Rules(claims_from=3, ends_at=3), ["/claims_from"]),
        (Rules(starts_at=3, ends_at=3), ["/starts_at"]),
        (Rules(redeem_by=RedeemBy.ANYONE), []),
        (Rules(redeem_by=RedeemBy.ANYONE, on_lapse=OnLapse.RECYCLE), ["/on_lapse"]),
        (Rules(redeem_by=RedeemBy.ANYONE, on_release=OnRelease.RECYCLE), ["/on_release"]),
        (Rules(on_lapse=OnLapse.RECYCLE, on_release=OnRelease.RECYCLE), []),
    ],
)
def test_rules_that_contradict_each_other(rules, pointers):
    assert pointers == [fault.pointer for fault in faults(rules)]


def test_an_end_is_never_moved_into_the_past():
    past, future = Rules(ends_at=NOW - 1), Rules(ends_at=NOW)
    assert ["/ends_at"] == [fault.pointer for fault in faults_of_end(None, past, NOW)]
    assert ["/ends_at"] == [fault.pointer for fault in faults_of_end(future, past, NOW)]
    assert [] == list(faults_of_end(past, past, NOW)), "the stored value again is no change"
    assert [] == list(faults_of_end(past, future, NOW))


OPEN = Rules(claims_from=NOW, discount=PERCENT, redeem_by=RedeemBy.ANYONE, ends_at=NOW + 10)


@pytest.mark.parametrize(
    ("change", "fixed"),
    [
        ({"claims_from": NOW + 1}, ["claims_from"]),
        ({"claims_from": None}, ["claims_from"]),
        ({"discount": AMOUNT}, ["discount"]),
        ({"discount": None}, ["discount"]),
        ({"redeem_by": RedeemBy.HOLDER}, ["redeem_by"]),
        ({"ends_at": NOW + 9}, ["ends_at"]),
        ({"ends_at": NOW + 11}, []),
        ({"ends_at": None}, []),
        ({"starts_at": NOW + 5, "paused": True, "metadata": {"a": 1}}, []),
    ],
)
def test_terms_are_fixed_once_claims_are_open(change, fixed):
    after = replace(OPEN, **change)
    assert fixed == list(fixed_terms(OPEN, after, NOW, shorten=False))
    before = replace(OPEN, claims_from=NOW + 1)
    assert [] == list(fixed_terms(before, replace(before, **change), NOW, shorten=False))


def test_terms_may_be_set_once_where_there_were_none():
    plain = Rules(claims_from=NOW)
    assert [] == list(fixed_terms(plain, replace(OPEN, ends_at=None), NOW, shorten=False))
    assert ["ends_at"] == list(fixed_terms(plain, replace(plain, ends_at=NOW), NOW, shorten=False))
    assert [] == list(fixed_terms(OPEN, replace(OPEN, ends_at=NOW + 1), NOW, shorten=True))
