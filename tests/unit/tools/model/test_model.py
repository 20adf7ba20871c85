"""The model of the life of codes says what the contract says of states, claims and rules."""

import pytest

from tests.tools.model.checkout import Model
from tests.unit.tools.model.calls import (
    BRAND,
    CODES,
    MINUTE,
    POOL,
    START,
    hold,
    refusal,
    rules,
    set_end,
    state,
)

# States.


def test_the_first_state_that_applies_is_shown(model):
    code = model.code(BRAND, "AAAA")
    assert "reserved" == state(model)
    set_end(model, model.now)
    assert "expired" == state(model)
    code.disabled_by = "call"
    assert "disabled" == state(model)
    code.redeemed_by = "r1"
    assert "redeemed" == state(model)


def test_an_end_is_the_first_moment_after(model):
    set_end(model, model.now + 1)
    assert "reserved" == state(model)
    model.now += 1
    assert "expired" == state(model)


def test_a_live_hold_keeps_an_ended_code_reserved_and_counted_as_expired(model):
    hold(model, ttl_s=60)
    rules(model, ends_at=model.now + 1)
    model.now += 1
    assert "reserved" == state(model)
    assert 3 == model.campaign(BRAND, POOL).counts(model.now)["expired"]
    model.now = START + MINUTE
    assert "expired" == state(model)


def test_a_lapsed_code_is_nobodys_and_comes_back_to_the_same_user():
    model = Model(START)
    model.add(model.may_create(BRAND, POOL), CODES)
    rules(model, on_lapse="recycle", reservation_ttl_s=60)
    model.claim(BRAND, POOL, "ann", "BBBB")
    model.now += MINUTE
    assert "available" == state(model, "BBBB")
    assert (404, "reservation-not-found") == refusal(model.reservation, BRAND, POOL, "ann")
    assert (201, ["BBBB"]) == model.may_claim(BRAND, POOL, "ann")
    assert (201, CODES) == model.may_claim(BRAND, POOL, "bob")


def test_the_rules_at_the_reservation_say_how_it_lapses(model):
    rules(model, on_lapse="recycle")
    set_end(model, model.now)
    assert "expired" == state(model)
    assert (200, ["AAAA"]) == model.may_claim(BRAND, POOL, "ann")


# Claims.


def test_claims_hear_who_holds_then_erasure_then_why_it_is_closed(model):
    rules(model, paused=True, archived=True)
    assert (200, ["AAAA"]) == model.may_claim(BRAND, POOL, "ann")
    model.erase(BRAND, "ann")
    assert (410, "user-erased") == refusal(model.may_claim, BRAND, POOL, "ann")
    expected = (409, "campaign-not-open", "archived")
    assert expected == refusal(model.may_claim, BRAND, POOL, "bob")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"archived": True, "ends_at": START, "paused": True}, "archived"),
        ({"ends_at": START, "paused": True}, "ended"),
        ({"claims_from": START + 1, "paused": True}, "early"),
        ({"paused": True}, "paused"),
    ],
)
def test_a_closed_campaign_says_why(changes, reason):
    model = Model(START)
    model.put_rules(BRAND, POOL, changes)
    expected = (409, "campaign-not-open", reason)
    assert expected == refusal(model.may_claim, BRAND, POOL, "bob")


def test_only_an_archived_campaign_takes_no_codes(model):
    rules(model, paused=True)
    assert model.may_create(BRAND, POOL)
    rules(model, archived=True)
    assert (409, "campaign-not-open", "archived") == refusal(model.may_create, BRAND, POOL)


def test_an_empty_pool_says_so(model):
    for user, code in (("bob", "BBBB"), ("cid", "CCCC")):
        model.claim(BRAND, POOL, user, code)
    assert (404, "no-codes-left") == refusal(model.may_claim, BRAND, POOL, "dan")


# Rules.


def test_fixed_terms(model):
    model.put_rules(BRAND, POOL, {"discount": {"type": "other"}})
    fixed = (409, "terms-fixed")
    assert fixed == refusal(model.put_rules, BRAND, POOL, {"discount": None})
    discount = {"discount": {"type": "other"}}
    assert fixed == refusal(model.put_rules, BRAND, POOL, discount | {"claims_from": START + 1})
    assert fixed == refusal(model.put_rules, BRAND, POOL, discount | {"ends_at": START + 1})
    assert 200 == model.put_rules(BRAND, POOL, discount | {"ends_at": START + 1}, shorten=True)
    assert 200 == model.put_rules(BRAND, POOL, discount | {"ends_at": START + 2})


def test_an_end_in_the_past_is_refused_unless_it_is_no_change(model):
    bad = (400, "invalid-request")
    assert bad == refusal(model.put_rules, BRAND, POOL, {"ends_at": START - 1}, shorten=True)
    rules(model, ends_at=START)
    model.now += 5
    assert 200 == model.put_rules(BRAND, POOL, {"ends_at": START})


def test_recycled_codes_are_not_for_anyone(model):
    recycling = {"on_release": "recycle", "redeem_by": "anyone"}
    assert (400, "invalid-request") == refusal(model.put_rules, BRAND, POOL, recycling)
