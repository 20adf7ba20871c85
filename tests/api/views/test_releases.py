"""Releases, over HTTP."""

import pytest

from tests.api.views.checkout import C, Checkout, seen
from tests.support.engines import on_sqlite
from tests.support.tokens import bearer


@pytest.fixture
def shop(client):
    shop = Checkout(client)
    shop.codes(2)
    return shop


def test_a_code_is_retired_and_its_user_claims_again(shop):
    code = shop.reserve()
    gone = shop.release()
    assert (204, b"") == (gone.status_code, gone.data)
    assert {"available": 1, "disabled": 1} == shop.counts()
    assert "disabled" == shop.state(code)
    assert (404, "reservation-not-found", None) == seen(shop.release())
    assert 404 == shop.call("GET", "/campaigns/default/reservations/u").status_code
    assert (409, "code-disabled", "disabled") == seen(shop.redeem(code))
    assert code != shop.reserve()


def test_a_code_is_recycled(shop):
    shop.rules(on_release="recycle")
    code = shop.reserve()
    assert 204 == shop.release().status_code
    assert ({"available": 2}, "available") == (shop.counts(), shop.state(code))
    assert (409, "not-reserved", "available") == seen(shop.redeem(code))
    assert {shop.reserve("v"), shop.reserve("w")} == {
        row["code"] for row in shop.call("GET", "/campaigns/default/codes").json["items"]
    }


def test_a_late_repetition_does_not_hit_a_newer_reservation(shop):
    shop.rules(on_release="recycle")
    assert (404, "reservation-not-found", None) == seen(shop.release(**{"If-Match": '"x"'}))
    shop.reserve()
    etag = shop.call("GET", "/campaigns/default/reservations/u").headers["ETag"]
    assert (412, "precondition-failed", None) == seen(shop.release(**{"If-Match": '"x"'}))
    assert 204 == shop.release(**{"If-Match": etag}).status_code
    assert (404, "reservation-not-found", None) == seen(shop.release(**{"If-Match": etag}))
    again = shop.call("PUT", "/campaigns/default/reservations/u")
    assert 201 == again.status_code
    assert (412, "precondition-failed", None) == seen(shop.release(**{"If-Match": etag}))
    assert 204 == shop.release(**{"If-Match": again.headers["ETag"]}).status_code


def test_what_is_used_is_not_released(shop):
    code = shop.reserve()
    shop.hold(code, ttl_s=60)
    held = shop.release()
    assert (409, "code-held", "reserved") == seen(held)
    assert 0 < int(held.headers["Retry-After"]) <= 60
    shop.redeem(code)
    assert (409, "code-redeemed", "redeemed") == seen(shop.release())
    shop.undo(code)
    assert 204 == shop.release().status_code


@on_sqlite
def test_who_may(client, shop):
    shop.reserve()
    url = f"{C}/reservations/u"
    for scope in ("discounts:reserve", "discounts:redeem"):
        assert 403 == client.delete(url, headers=bearer(scope=scope)).status_code
    other = client.delete(url, headers=bearer(brands=["other"]))
    assert (404, "brand-not-found", None) == seen(other)
    ghost = client.delete(f"{C}x/reservations/u", headers=bearer())
    assert (404, "campaign-not-found", None) == seen(ghost)
    assert 400 == shop.release(**{"If-Match": "x"}).status_code
