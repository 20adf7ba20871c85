"""Users: the codes that they hold in a brand, and their erasure."""

import pytest

from service.store.maintenance.verify import verify
from tests.support.tokens import bearer

BRAND = "/v1/brands/brand1"
USER = f"{BRAND}/users/user1"
WALLET = f"{USER}/codes"
CAMPAIGNS = ("summer", "winter", "spring")


@pytest.fixture
def call(client):
    def send(method, path, **options):
        return client.open(f"{BRAND}{path}", method=method, headers=bearer(), **options)

    return send


@pytest.fixture
def shop(call):
    """Three campaigns with two codes each; user1 holds one of the first two."""
    for name in CAMPAIGNS:
        assert 201 == call("PUT", f"/campaigns/{name}", json={}).status_code
        made = call("POST", f"/campaigns/{name}/codes", json={"number_to_create": 2})
        assert 201 == made.status_code
    return {name: reserve(call, name).json["discount_code"] for name in CAMPAIGNS[:2]}


def reserve(call, campaign, user="user1"):
    return call("PUT", f"/campaigns/{campaign}/reservations/{user}")


def wallet(call, query="", user="user1"):
    answer = call("GET", f"/users/{user}/codes{query}")
    assert 200 == answer.status_code, answer.text
    return {item["campaign"]: item for item in answer.json["items"]}


def erase(call, query="", user="user1"):
    answer = call("DELETE", f"/users/{user}{query}")
    assert (204, b"") == (answer.status_code, answer.data), answer.text


def counts(call, campaign):
    return {s: n for s, n in call("GET", f"/campaigns/{campaign}").json["counts"].items() if n}


def everything(database):
    """Return all that is stored, as one text."""
    with database.read() as connection:
        tables = ("brand", "campaign", "code", "redemption", "tally", "job", "idempotency")
        rows = [connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in tables]
    return str(rows)


class TestWallet:
    def test_it_has_the_reservations_of_all_campaigns(self, call, shop):
        reserve(call, "spring", "another")
        found = wallet(call)
        assert shop == {name: item["discount_code"] for name, item in found.items()}
        for name, item in found.items():
            assert item == call("GET", f"/campaigns/{name}/reservations/user1").json

    def test_pages(self, call, shop):
        first = call("GET", "/users/user1/codes?limit=1")
        assert 'rel="next"' in first.headers["Link"]
        second = call("GET", f"/users/user1/codes?limit=1&cursor={first.json['next_cursor']}")
        assert second.json["next_cursor"] is None
        both = [*first.json["items"], *second.json["items"]]
        assert shop == {item["campaign"]: item["discount_code"] for item in both}
        other = call("GET", f"/users/user2/codes?cursor={first.json['next_cursor']}")
        assert 400 == other.status_code

    def test_who_is_unknown_has_an_empty_page(self, call, shop):
        assert {} == wallet(call, user="nobody")

    def test_an_unknown_brand_is_named(self, client, refused):
        answer = client.get("/v1/brands/none/users/user1/codes", headers=bearer())
        refused(answer, 404, "brand-not-found")
        foreign = bearer(brands=["brand2"])
        refused(client.get(WALLET, headers=foreign), 404, "brand-not-found")
        refused(client.delete(USER, headers=foreign), 404, "brand-not-found")

    @pytest.mark.parametrize("query", ["?state=taken", "?limit=0", "?cursor=x", "?user=1"])
    def test_what_it_cannot_read_is_a_400(self, call, shop, refused, query):
        refused(call("GET", f"/users/user1/codes{query}"), 400, "invalid-request")

    def test_a_state_is_as_of_now(self, call, shop, database):
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE campaign SET ends_at = 1 WHERE name = 'winter'")
        assert {"summer"} == wallet(call, "?state=reserved").keys()
        assert {"winter"} == wallet(call, "?state=expired").keys()
        assert {} == wallet(call, "?state=available")

    def test_a_lapsed_code_that_goes_back_is_not_the_users(self, call, shop, database):
        with database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE code SET expires_at = 1, on_lapse = 'recycle' WHERE user_id = 'user1' AND "
                "campaign_id = (SELECT id FROM campaign WHERE name = 'winter')"
            )
        assert {"summer"} == wallet(call).keys()

    def test_it_needs_the_scope_to_read(self, client, shop, refused):
        refused(client.get(WALLET, headers=bearer(scope="discounts:manage")), 403, "forbidden")


class TestErasure:
    def test_nothing_names_the_user_afterwards(self, call, shop, database):
        assert "user1" in everything(database)
        erase(call)
        assert "user1" not in everything(database)
        assert {} == wallet(call)
        for name, code in shop.items():
            assert {"available": 1, "disabled": 1} == counts(call, name)
            assert "disabled" == call("GET", f"/campaigns/{name}/codes/{code}").json["state"]

    def test_it_can_be_repeated_and_changes_nothing_then(self, call, shop, database):
        erase(call)
        before = everything(database)
        erase(call)
        assert before == everything(database)

    def test_the_person_cannot_claim_again_where_they_held_a_code(self, call, shop, refused):
        erase(call)
        for name in shop:
            refused(reserve(call, name), 410, "user-erased")
            answer = call("GET", f"/campaigns/{name}/reservations/user1")
            refused(answer, 404, "reservation-not-found")
        assert 201 == reserve(call, "spring").status_code
        assert 201 == reserve(call, "summer", "another").status_code
        assert {"spring"} == wallet(call).keys()

    def test_who_comes_back_can_be_erased_again(self, call, shop, refused, database):
        erase(call)
        reserve(call, "spring")
        erase(call)
        assert "user1" not in everything(database)
        for name in CAMPAIGNS:
            refused(reserve(call, name), 410, "user-erased")

    def test_nothing_stands_against_a_person_who_was_forgotten(self, call, shop, database):
        erase(call)
        before = everything(database)
        erase(call, "?forget=true")
        assert "/00000000." in everything(database)
        assert before != everything(database)
        for name in CAMPAIGNS:
            assert 201 == reserve(call, name).status_code
        erase(call, "?forget=true")
        erase(call, "?forget=true")
        assert "user1" not in everything(database)
        assert {} == wallet(call)

    def test_a_redeemed_code_goes_on_showing_that(self, call, shop, database):
        redeem(call, shop["summer"])
        erase(call)
        assert "user1" not in everything(database)
        code = f"/codes/{shop['summer']}"
        assert "redeemed" == call("GET", code).json["state"]
        shown = call("GET", f"{code}/redemption?reference=order").json
        assert (None, True) == (shown["user"], bool(shown["redeemed_at"]))
        assert 204 == call("DELETE", f"{code}/redemption?reference=order").status_code
        assert "disabled" == call("GET", code).json["state"]

    def test_its_codes_serve_nobody_any_more(self, call, shop, refused):
        erase(call)
        code = f"/codes/{shop['summer']}"
        order = {"reference": "order", "user": "user1"}
        refused(call("PUT", f"{code}/hold", json=order), 409, "code-disabled")
        refused(call("PUT", f"{code}/redemption", json=order), 409, "code-disabled")
        refused(call("GET", f"{code}/holder"), 410, "user-erased")
        release = call("DELETE", "/campaigns/summer/reservations/user1")
        refused(release, 404, "reservation-not-found")

    def test_nor_can_the_person_redeem_one_that_was_mailed(self, call, refused):
        """Where anyone may redeem, a redemption is a claim."""
        call("PUT", "/campaigns/mailed", json={"redeem_by": "anyone"})
        made = call("POST", "/campaigns/mailed/codes", json={"number_to_create": 2}).json
        assert 201 == redeem(call, made[0]).status_code
        erase(call)
        refused(redeem(call, made[1]), 410, "user-erased")
        assert 201 == redeem(call, made[1], "another").status_code

    def test_a_code_that_has_lapsed_goes_back_to_the_others(self, call, shop, database):
        """It was nobody's, as if the sweeper had been there, so the person may claim again."""
        with database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE code SET expires_at = 1, on_lapse = 'recycle' WHERE user_id = 'user1'"
            )
        erase(call)
        assert "user1" not in everything(database)
        assert {"available": 2} == counts(call, "summer")
        assert 201 == reserve(call, "summer").status_code

    def test_holds_end(self, call, shop, database):
        with database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE code SET hold_reference = 'order', held_from = 1, "
                "held_until = 9000000000000 WHERE user_id = 'user1'"
            )
        erase(call)
        assert "order" not in everything(database)

    def test_what_is_stored_is_sound(self, call, shop, database, database_url):
        redeem(call, shop["summer"])
        erase(call)
        broken = [found for found in verify(database_url) if found.breaches]
        assert [] == broken

    def test_an_unknown_user_is_erased_and_an_unknown_brand_is_named(self, call, client, refused):
        call("POST", "/campaigns/default/codes", json={"number_to_create": 1})
        erase(call, user="nobody")
        answer = client.delete("/v1/brands/none/users/user1", headers=bearer())
        refused(answer, 404, "brand-not-found")

    def test_it_needs_the_scope_to_manage(self, client, shop, refused):
        refused(client.delete(USER, headers=bearer(scope="discounts:read")), 403, "forbidden")

    def test_no_log_line_names_the_user(self, call, shop, log):
        erase(call)
        wallet(call)
        assert "user_ref" in log.text
        assert "user1" not in log.text


def redeem(call, code, user="user1"):
    body = {"reference": "order", "user": user}
    return call("PUT", f"/codes/{code}/redemption", json=body)
