"""The model of the life of codes says what the contract says of checkouts, staff and erasure."""

from tests.tools.model.stored import DAY_MS
from tests.unit.tools.model.calls import (
    BRAND,
    MINUTE,
    POOL,
    START,
    hold,
    redeem,
    refusal,
    rules,
    set_end,
    state,
    undo,
)

# Hold, redeem, undo.


def test_a_redemption_and_its_repetition(model):
    assert (201, 200) == (redeem(model), redeem(model))
    assert (409, "not-the-holder", "redeemed") == refusal(redeem, model, user="bob")
    assert (409, "code-redeemed", "redeemed") == refusal(redeem, model, "r2")


def test_an_undone_reference_never_redeems_again(model):
    redeem(model)
    assert 204 == undo(model)
    assert (409, "redemption-undone", "reserved") == refusal(redeem, model)
    assert 201 == redeem(model, "r2")


def test_a_reference_undone_before_it_arrived_is_a_tombstone(model):
    undo(model)
    assert (409, "redemption-undone", "reserved") == refusal(redeem, model)
    found = model.redemption(BRAND, "AAAA", "r1")
    assert (None, START) == (found.redeemed_at, found.undone_at)


def test_an_undo_by_another_reference_moves_nothing_and_spends_it(model):
    redeem(model)
    undo(model, "r2")
    assert "redeemed" == state(model)
    undo(model)
    assert (409, "redemption-undone", "reserved") == refusal(redeem, model, "r2")


def test_a_hold_keeps_others_away_and_not_itself(model):
    assert (201, 200) == (hold(model), hold(model))
    assert (409, "code-held", "reserved") == refusal(hold, model, "r2")
    assert (409, "code-held", "reserved") == refusal(redeem, model, "r2")
    assert 201 == redeem(model)


def test_a_hold_lasts_a_day_from_its_begin_at_most(model):
    hold(model, ttl_s=60)
    model.now += MINUTE - 1
    hold(model, ttl_s=86400)
    assert START + DAY_MS == model.code(BRAND, "AAAA").hold.until
    assert 201 == hold(model, "r2", take_over=True)
    assert START == model.code(BRAND, "AAAA").hold.begin


def test_redeeming_ends_a_hold_which_an_undo_does_not_bring_back(model):
    hold(model)
    redeem(model)
    undo(model)
    assert 201 == hold(model, "r2")


def test_a_code_of_nobody_is_for_anyone_where_that_is_the_rule(model):
    expected = (409, "not-reserved", "available")
    assert expected == refusal(redeem, model, user="bob", code="BBBB")
    rules(model, redeem_by="anyone")
    assert expected == refusal(hold, model, user="bob", code="BBBB")
    assert 201 == redeem(model, user="bob", code="BBBB")
    undo(model, code="BBBB")
    assert "bob" == model.reservation(BRAND, POOL, "bob").user
    expected = (409, "already-holds", "available")
    assert expected == refusal(redeem, model, user="bob", code="CCCC")
    assert (409, "not-the-holder", "reserved") == refusal(redeem, model, user="bob")


def test_codes_are_redeemed_from_their_start_to_their_end(model):
    rules(model, starts_at=START + 1, ends_at=START + 2)
    assert (409, "not-yet-valid", "reserved") == refusal(redeem, model)
    model.now = START + 2
    assert (409, "code-expired", "expired") == refusal(redeem, model)
    model.now = START + 1
    assert 201 == redeem(model)


def test_disabling_beats_a_hold(model):
    hold(model)
    model.patch(BRAND, POOL, "AAAA", disabled=True)
    assert (409, "code-disabled", "disabled") == refusal(redeem, model)
    assert (409, "code-disabled", "disabled") == refusal(redeem, model, "r2")


# Release, PATCH and erasure.


def test_a_release_retires_or_recycles(model):
    assert 204 == model.release(BRAND, POOL, "ann")
    assert "disabled" == state(model)
    assert (409, "conflict") == refusal(model.patch, BRAND, POOL, "AAAA", disabled=False)
    assert (404, "reservation-not-found") == refusal(model.release, BRAND, POOL, "ann")
    rules(model, on_release="recycle")
    model.claim(BRAND, POOL, "ann", "BBBB")
    model.release(BRAND, POOL, "ann")
    assert "available" == state(model, "BBBB")


def test_a_release_waits_for_a_hold_and_never_takes_what_is_redeemed(model):
    hold(model)
    assert (409, "code-held") == refusal(model.release, BRAND, POOL, "ann")
    redeem(model)
    assert (409, "code-redeemed") == refusal(model.release, BRAND, POOL, "ann")


def test_to_enable_brings_back_what_is_below(model):
    model.patch(BRAND, POOL, "AAAA", disabled=True)
    set_end(model, model.now)
    model.patch(BRAND, POOL, "AAAA", disabled=False)
    assert "expired" == state(model)


def test_an_end_belongs_to_a_reservation(model):
    assert (409, "not-reserved") == refusal(set_end, model, None, "BBBB")
    assert (400, "invalid-request") == refusal(set_end, model, START - 1)
    redeem(model)
    assert (409, "code-redeemed") == refusal(set_end, model, None)


def test_an_erased_user_claims_no_more_unless_forgotten(model):
    assert 204 == model.erase(BRAND, "ann")
    assert "disabled" == state(model)
    assert (404, "reservation-not-found") == refusal(model.reservation, BRAND, POOL, "ann")
    assert [] == model.wallet(BRAND, "ann")
    assert (410, "user-erased") == refusal(model.may_claim, BRAND, POOL, "ann")
    model.erase(BRAND, "ann", forget=True)
    assert 201 == model.may_claim(BRAND, POOL, "ann")[0]


def test_what_an_erased_user_redeemed_stays_so_and_is_disabled_below(model):
    redeem(model)
    model.erase(BRAND, "ann")
    assert ("redeemed", None) == (state(model), model.redemption(BRAND, "AAAA", "r1").user)
    undo(model)
    assert "disabled" == state(model)


def test_versions_rise_with_what_is_written_alone(model):
    code = model.code(BRAND, "AAAA")
    before = code.version
    model.patch(BRAND, POOL, "AAAA", disabled=False)
    undo(model, "r2")
    assert before == code.version
    redeem(model)
    redeem(model)
    assert before + 1 == code.version


def test_counts_sum_up_to_the_codes(model):
    redeem(model)
    rules(model, ends_at=model.now)
    counts = model.campaign(BRAND, POOL).counts(model.now)
    assert {"available": 0, "reserved": 0, "redeemed": 1, "expired": 2, "disabled": 0} == counts
