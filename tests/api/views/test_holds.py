"""Holds, over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.views.checkout import Checkout, seen
from tests.support.engines import on_sqlite

CUP = {"type": "other", "description": "a cup"}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def shop(client):
    shop = Checkout(client)
    shop.rules(discount=CUP)
    shop.codes(2)
    return shop


@pytest.fixture
def code(shop):
    return shop.reserve()


def left(answer):
    """Return how long a hold lasts."""
    return datetime.fromisoformat(answer.json["held_until"]) - datetime.now(UTC)


def test_a_code_is_held_and_redeemed_by_its_order(shop, code):
    held = shop.hold(code)
    assert 201 == held.status_code
    assert {"code", "reference", "held_until", "discount"} == set(held.json)
    assert (code, "order", "a cup") == (
        held.json["code"],
        held.json["reference"],
        held.json["discount"]["description"],
    )
    assert 14 * MINUTE < left(held) <= 15 * MINUTE
    again = shop.hold(code, ttl_s=86_400)
    assert 200 == again.status_code
    assert DAY - MINUTE < left(again) <= DAY
    assert "reserved" == shop.state(code)
    other = shop.redeem(code, "another")
    assert (409, "code-held", "reserved") == seen(other)
    assert 86_300 < int(other.headers["Retry-After"]) <= 86_400
    assert (409, "code-held", "reserved") == seen(shop.hold(code, "another"))
    assert 200 == shop.redeem(code, dry_run=True).status_code
    assert 201 == shop.redeem(code).status_code
    assert (409, "code-redeemed", "redeemed") == seen(shop.hold(code))
    shop.undo(code)
    assert (409, "redemption-undone", "reserved") == seen(shop.hold(code))
    assert 201 == shop.redeem(code, "another").status_code, "an undo does not bring a hold back"


def test_a_hold_is_ended_by_its_order(shop, code):
    assert 204 == shop.end_hold(code).status_code
    shop.hold(code)
    assert 204 == shop.end_hold(code, "another").status_code
    assert (409, "code-held", "reserved") == seen(shop.hold(code, "another"))
    assert 204 == shop.end_hold(code).status_code
    assert 201 == shop.hold(code, "another").status_code


def test_a_hold_is_taken_over_with_its_begin(shop, code, later):
    shop.hold(code)
    later(60)
    taken = shop.hold(code, "another", take_over=True, ttl_s=86_400)
    assert 201 == taken.status_code
    assert left(taken) <= DAY, "the clock of the service is a minute ahead"
    assert (409, "code-held", "reserved") == seen(shop.redeem(code))
    assert 201 == shop.redeem(code, "another").status_code


@on_sqlite
def test_a_hold_keeps_a_code_past_the_end_of_its_campaign(shop, code, later):
    shop.rules(discount=CUP, ends_at=(datetime.now(UTC) + MINUTE).isoformat())
    shop.hold(code)
    later(60)
    assert (409, "code-held", "reserved") == seen(shop.redeem(code, "another"))
    assert 200 == shop.hold(code).status_code
    assert 201 == shop.redeem(code).status_code
    shop.undo(code)
    assert (409, "code-expired", "expired") == seen(shop.redeem(code, "another"))


@on_sqlite
def test_a_hold_ends_by_itself(shop, code, later):
    shop.hold(code, ttl_s=60)
    later(61)
    assert 204 == shop.end_hold(code).status_code
    assert 201 == shop.hold(code, "another").status_code


@on_sqlite
def test_a_hold_lasts_at_most_a_day(shop, code, later):
    shop.hold(code, ttl_s=86_400)
    later(86_000)
    assert left(shop.hold(code, ttl_s=900)) <= timedelta(seconds=86_400)
    later(86_401)
    assert 201 == shop.hold(code, "another").status_code


@on_sqlite
@pytest.mark.parametrize("anyone", [False, True])
def test_a_code_of_nobody_is_not_held(shop, code, anyone):
    if anyone:
        shop.rules(discount=CUP, redeem_by="anyone")
    free = next(
        row["code"]
        for row in shop.call("GET", "/campaigns/default/codes").json["items"]
        if row["state"] == "available"
    )
    assert (409, "not-reserved", "available") == seen(shop.hold(free))
    assert (409, "not-the-holder", "reserved") == seen(shop.hold(code, user="v"))


@on_sqlite
@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"ttl_s": 59}, "/ttl_s"),
        ({"ttl_s": 86_401}, "/ttl_s"),
        ({"ttl_s": "60"}, "/ttl_s"),
        ({"ttl_s": 60.5}, "/ttl_s"),
        ({"ttl_s": True}, "/ttl_s"),
        ({"ttl_s": None}, "/ttl_s"),
        ({"take_over": 1}, "/take_over"),
        ({"take_over": "true"}, "/take_over"),
        ({"take_over": None}, "/take_over"),
    ],
)
def test_bad_input(shop, code, refused, options, pointer):
    refused(shop.hold(code, **options), 400, "invalid-request", pointer)


@on_sqlite
@pytest.mark.parametrize("ttl_s", [60, 86_400])
def test_the_limits_of_a_hold(shop, code, ttl_s):
    held = shop.hold(code, ttl_s=ttl_s)
    assert 201 == held.status_code
    wanted = timedelta(seconds=ttl_s)
    assert wanted - MINUTE < left(held) <= wanted
