"""Redemption and its undo, over HTTP."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import generate_latest

from service.app import services_of
from service.domain.states import DisabledBy
from service.usecases.ports.code_moves import Move
from tests.api.views.checkout import Checkout, seen
from tests.support.engines import on_sqlite
from tests.support.tokens import bearer

DISCOUNT = {"type": "percent", "value": "15"}


@pytest.fixture
def shop(client):
    return Checkout(client)


@pytest.fixture
def code(shop):
    """A code that is reserved for `u`."""
    shop.rules(discount=DISCOUNT)
    shop.codes(2)
    return shop.reserve()


def test_an_order_redeems_a_code_once(shop, code):
    first, second = shop.redeem(code), shop.redeem(code)
    assert (201, 200) == (first.status_code, second.status_code)
    at = first.json["redeemed_at"]
    assert (
        {
            "code": code,
            "campaign": "default",
            "user": "u",
            "reference": "order",
            "redeemed_at": at,
            "discount": DISCOUNT,
        }
        == first.json
        == second.json
    )
    assert abs(datetime.now(UTC) - datetime.fromisoformat(at)) < timedelta(minutes=1)
    assert "no-store" == first.headers["Cache-Control"]
    assert {"available": 1, "redeemed": 1} == shop.counts()
    assert "redeemed" == shop.call("GET", "/campaigns/default/reservations/u").json["state"]
    assert (409, "code-redeemed", "redeemed") == seen(shop.redeem(code, "another"))
    assert (409, "not-the-holder", "redeemed") == seen(shop.redeem(code, user="v"))


def test_an_undo_gives_back_what_is_below(shop, code):
    shop.redeem(code)
    for _ in range(2):
        gone = shop.undo(code)
        assert (204, b"") == (gone.status_code, gone.data)
    assert ("reserved", {"available": 1, "reserved": 1}) == (shop.state(code), shop.counts())
    assert (409, "redemption-undone", "reserved") == seen(shop.redeem(code))
    assert 201 == shop.redeem(code, "another").status_code
    assert 204 == shop.undo(code).status_code, "a repetition undoes nothing of another order"
    assert "redeemed" == shop.state(code)


def test_a_cancelled_order_that_comes_back_does_not_use_the_code_twice(shop, code):
    """As in odoo#62767."""
    shop.redeem(code, "cart-1")
    shop.undo(code, "cart-1")
    shop.redeem(code, "cart-2")
    assert (409, "redemption-undone", "redeemed") == seen(shop.redeem(code, "cart-1"))
    shop.undo(code, "cart-2")
    assert (409, "redemption-undone", "reserved") == seen(shop.redeem(code, "cart-1"))


def test_a_payment_in_two_steps_counts_once(shop, code):
    """As in saleor#8219, where authorisation and capture each counted."""
    assert [201, 200, 200] == [shop.redeem(code, "payment").status_code for _ in range(3)]
    assert 204 == shop.undo(code, "payment").status_code
    assert "reserved" == shop.state(code)


def test_what_an_order_did_is_shown(shop, code):
    assert (404, "redemption-not-found", None) == seen(shop.shown(code))
    done = shop.redeem(code).json
    assert (200, done) == (shop.shown(code).status_code, shop.shown(code).json)
    shop.undo(code)
    undone = shop.shown(code).json
    assert done == {name: value for name, value in undone.items() if name != "undone_at"}
    assert undone["undone_at"] >= done["redeemed_at"]
    assert 200 == shop.call("HEAD", f"/codes/{code}/redemption?reference=order").status_code


def test_an_undo_may_come_before_the_redemption(shop, code):
    assert 204 == shop.undo(code).status_code
    shown = shop.shown(code).json
    assert (None, None, "order") == (shown["redeemed_at"], shown["user"], shown["reference"])
    assert shown["undone_at"]
    assert (409, "redemption-undone", "reserved") == seen(shop.redeem(code))


@on_sqlite
def test_a_dry_run_changes_nothing(shop, code):
    would = shop.redeem(code, dry_run=True)
    assert (200, "u") == (would.status_code, would.json["user"])
    assert (404, "redemption-not-found", None) == seen(shop.shown(code))
    assert "reserved" == shop.state(code)
    shop.redeem(code)
    assert 200 == shop.redeem(code, dry_run=True).status_code
    assert (409, "code-redeemed", "redeemed") == seen(shop.redeem(code, "another", dry_run=True))


@on_sqlite
def test_one_order_may_redeem_several_codes(shop, code):
    other = shop.reserve("v")
    assert 201 == shop.redeem(code).status_code
    assert 201 == shop.redeem(other, user="v").status_code


class TestAnyone:
    @pytest.fixture
    def shop(self, client):
        shop = Checkout(client)
        shop.rules(redeem_by="anyone", reservation_ttl_s=60)
        return shop

    def test_it_is_claimed_and_redeemed_in_one(self, shop):
        code, other = shop.codes(2)
        assert 200 == shop.redeem(code, dry_run=True).status_code
        assert {"available": 2} == shop.counts()
        assert 201 == shop.redeem(code).status_code
        assert {"available": 1, "redeemed": 1} == shop.counts()
        assert code == shop.reserve("u"), "it is the user's answer from now on"
        assert (409, "already-holds", "available") == seen(shop.redeem(other, "another"))
        assert 204 == shop.undo(code).status_code
        left = shop.call("GET", "/campaigns/default/reservations/u").json
        assert ("reserved", code) == (left["state"], left["discount_code"])
        assert left["expires_at"], "as with a claim"

    @on_sqlite
    def test_a_reserved_code_is_its_holders(self, shop):
        shop.codes(1)
        assert (409, "not-the-holder", "reserved") == seen(shop.redeem(shop.reserve("v")))

    @on_sqlite
    @pytest.mark.parametrize(
        ("rules", "reason"),
        [
            ({"paused": True, "archived": True}, "archived"),
            ({"paused": True}, "paused"),
            ({"claims_from": "2999-01-01T00:00:00Z"}, "early"),
        ],
    )
    def test_a_closed_campaign_closes_claims_alone(self, client, rules, reason):
        shop = Checkout(client)
        shop.codes(2)
        held = shop.reserve("v")
        free = next(
            row["code"]
            for row in shop.call("GET", "/campaigns/default/codes").json["items"]
            if row["code"] != held
        )
        closed = {"redeem_by": "anyone", **rules}
        if reason == "early":
            shop.call("PUT", "/campaigns/early", closed)
            body = {"number_to_create": 1}
            free = shop.call("POST", "/campaigns/early/codes", body).json[0]
        else:
            shop.rules(**closed)
        refused = shop.redeem(free)
        assert (409, "campaign-not-open", "available") == seen(refused)
        assert reason == refused.json["reason"]
        assert 201 == shop.redeem(held, user="v").status_code

    def test_who_was_erased_claims_no_more(self, shop, app):
        """The tombstone stands in place of the user of the code that they held."""
        free, held = shop.codes(2)
        moves, tombstones = services_of(app).storage.code_moves, services_of(app).tombstones
        found = moves.find_code("brand1", held)
        erased = replace(
            found.stored,
            user=tombstones("brand1", "u")[0],
            reserved_at=1,
            disabled_at=2,
            disabled_by=DisabledBy.ERASURE,
        )
        assert moves.move_code(found, Move(erased), 2)
        assert (410, "user-erased", "available") == seen(shop.redeem(free))
        assert (410, "user-erased", "available") == seen(shop.redeem(free, dry_run=True))
        assert (409, "code-disabled", "disabled") == seen(shop.redeem(held))
        assert 201 == shop.redeem(free, user="v").status_code


@on_sqlite
def test_nothing_secret_is_logged_or_counted(shop, code, log, app):
    """Neither codes nor references nor users; the campaign, and what came of the call."""
    reference, other = "order-of-secrets", "another-of-secrets"
    shop.hold(code, reference)
    shop.redeem(code, reference)
    shop.redeem(code, other)
    shop.shown(code, reference)
    shop.undo(code, reference)
    shop.end_hold(code, reference)
    shop.release()
    lines = [json.loads(line) for line in log.text.splitlines()][-7:]
    outcomes = ["new", "new", "refused", "ok", "undone", "ok", "retired"]
    assert outcomes == [line["outcome"] for line in lines]
    assert "code-redeemed" == lines[2]["problem"]
    assert "default" == lines[1]["campaign"]
    assert lines[1]["user_ref"] == lines[6]["user_ref"] != "u"
    written = log.text + generate_latest(services_of(app).metrics.registry).decode()
    for secret in (code, reference, other):
        assert secret not in written


@on_sqlite
def test_a_problem_page_says_what_a_shopper_may_be_told(client):
    page = client.get("/problems/code-held").text
    assert "What a shopper may be told" in page
    assert "This code is in use in another checkout." in page
    assert "on our side" in client.get("/problems/invalid-request").text


@on_sqlite
class TestRefusals:
    def test_of_unknown_codes(self, shop, code):
        for answer in (
            shop.redeem("NONE-SUCH"),
            shop.undo("NONE-SUCH"),
            shop.shown("NONE-SUCH"),
            shop.hold("NONE-SUCH"),
            shop.end_hold("NONE-SUCH"),
        ):
            assert (404, "code-not-found", None) == seen(answer)

    def test_of_codes_of_nobody(self, shop, code):
        free = next(
            row["code"]
            for row in shop.call("GET", "/campaigns/default/codes").json["items"]
            if row["state"] == "available"
        )
        assert (409, "not-reserved", "available") == seen(shop.redeem(free))
        assert (409, "not-reserved", "available") == seen(shop.hold(free))
        assert (409, "not-the-holder", "reserved") == seen(shop.redeem(code, user="v"))

    def test_of_codes_that_are_not_good_yet_or_any_more(self, shop, later):
        shop.rules(starts_at="2999-01-01T00:00:00Z")
        shop.codes(2)
        code = shop.reserve()
        assert (409, "not-yet-valid", "reserved") == seen(shop.redeem(code))
        assert (409, "not-yet-valid", "reserved") == seen(shop.hold(code))
        shop.rules(ends_at=(datetime.now(UTC) + timedelta(minutes=1)).isoformat())
        later(60)
        assert (409, "code-expired", "expired") == seen(shop.redeem(code))
        free = next(
            row["code"]
            for row in shop.call("GET", "/campaigns/default/codes").json["items"]
            if row["code"] != code
        )
        assert (409, "code-expired", "expired") == seen(shop.redeem(free))

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"user": "u"}, "/reference"),
            ({"reference": "o"}, "/user"),
            ({"reference": "o", "user": "u", "more": 1}, "/more"),
            ({"reference": "a/b", "user": "u"}, "/reference"),
            ({"reference": "x" * 129, "user": "u"}, "/reference"),
            ({"reference": "", "user": "u"}, "/reference"),
            ({"reference": 1, "user": "u"}, "/reference"),
            ({"reference": None, "user": "u"}, "/reference"),
        ],
    )
    def test_of_bad_input(self, shop, code, refused, body, pointer):
        for what in ("redemption", "hold"):
            answer = shop.call("PUT", f"/codes/{code}/{what}", body)
            refused(answer, 400, "invalid-request", pointer)

    def test_of_a_missing_reference(self, shop, code, refused):
        for method, what in (("DELETE", "redemption"), ("GET", "redemption"), ("DELETE", "hold")):
            answer = shop.call(method, f"/codes/{code}/{what}")
            refused(answer, 400, "invalid-request", "/reference")

    def test_of_a_body_that_is_no_json(self, shop, code, refused):
        answer = shop.client.put(
            f"/v1/brands/brand1/codes/{code}/redemption", data="x", headers=bearer()
        )
        refused(answer, 415, "unsupported-media-type")

    def test_of_callers_who_may_not(self, client, shop, code):
        body = {"reference": "order", "user": "u"}
        url = f"/v1/brands/brand1/codes/{code}"
        other = bearer(brands=["other"])
        reader = bearer(scope="discounts:read discounts:reserve discounts:manage")
        for method, path in (
            ("PUT", f"{url}/redemption"),
            ("GET", f"{url}/redemption?reference=order"),
            ("DELETE", f"{url}/redemption?reference=order"),
            ("PUT", f"{url}/hold"),
            ("DELETE", f"{url}/hold?reference=order"),
        ):
            sent = body if method == "PUT" else None
            answer = client.open(path, method=method, json=sent, headers=reader)
            assert 403 == answer.status_code
            assert "discounts:redeem" in answer.headers["WWW-Authenticate"]
            answer = client.open(path, method=method, json=sent, headers=other)
            assert (404, "brand-not-found", None) == seen(answer)

    def test_a_long_reference_of_any_characters(self, shop, code):
        reference = "ä Ω😀?&=%" + "x" * 119
        assert 201 == shop.redeem(code, reference).status_code
        quoted = "%C3%A4%20%CE%A9%F0%9F%98%80%3F%26%3D%25" + "x" * 119
        assert reference == shop.shown(code, quoted).json["reference"]
