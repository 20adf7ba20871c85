"""Look-ups of a code, and of its holder."""

import re

import pytest

from service.store.opening import code_moves_in
from tests.api.conftest import C
from tests.support.engines import on_sqlite
from tests.support.tokens import bearer

B = "/v1/brands/brand1"
SUMMER = f"{B}/campaigns/summer"
DISCOUNT = {"type": "percent", "value": "15.0"}
STARTS, ENDS = "2099-01-01T00:00:00.000Z", "2099-02-01T00:00:00.000Z"


@pytest.fixture
def get(client):
    return lambda path, **claims: client.get(path, headers=bearer(**claims))


@pytest.fixture
def code(client, auth):
    """A code of a campaign with rules, held by alice."""
    rules = {"discount": DISCOUNT, "starts_at": STARTS, "ends_at": ENDS}
    client.put(SUMMER, json=rules, headers=auth)
    client.post(f"{SUMMER}/codes", json={"number_to_create": 1}, headers=auth)
    held = client.put(f"{SUMMER}/reservations/alice", headers=auth).json
    return held["discount_code"]


def test_a_checkout_finds_a_code_without_its_campaign(get, code, database):
    answer = get(f"{B}/codes/{code}")
    assert (200, "no-store") == (answer.status_code, answer.headers["Cache-Control"])
    assert answer.json == get(f"{SUMMER}/codes/{code}").json
    shown = answer.json
    key = code_moves_in(database).find_code("brand1", code).brand_key
    assert 32 == len(key)
    assert re.fullmatch("[0-9a-f]{32}", shown["code_id"])
    assert list(shown) == [
        *("code", "state", "created_at", "reserved_at", "expires_at", "campaign", "discount"),
        *("starts_at", "redeemed_at", "held_until", "code_id", "version"),
    ]
    assert {
        "code": code,
        "state": "reserved",
        "expires_at": ENDS,
        "campaign": "summer",
        "discount": DISCOUNT,
        "starts_at": STARTS,
        "redeemed_at": None,
        "held_until": None,
    }.items() <= shown.items()
    assert shown["reserved_at"]


def test_an_id_is_the_same_every_time_and_in_no_other_brand(get, code, client, auth, codes):
    shown = [get(f"{B}/codes/{each}").json["code_id"] for each in (code, code, codes[0])]
    assert shown[0] == shown[1] != shown[2]
    lists = {"Content-Type": "text/csv"} | auth
    assert (
        202
        == client.post(
            "/v1/brands/b2/campaigns/default/imports", data=code, headers=lists
        ).status_code
    )


@on_sqlite
class TestRequests:
    """What is taken, and what is refused."""

    def test_what_a_person_typed(self, get, code):
        typed = f"%20{code[:6].lower()}%20{code[6:].lower()}%0A"
        assert code == get(f"{B}/codes/{typed}?match=typed").json["code"]
        for path, status, slug in (
            (f"{typed}", 400, "invalid-request"),
            (f"{code.lower()}", 404, "code-not-found"),
            (f"{code}?match=", 400, "invalid-request"),
            (f"{code}?match=TYPED", 400, "invalid-request"),
            (f"{code}?match=fuzzy", 400, "invalid-request"),
            (f"{code}?match=typed&match=typed", 400, "invalid-request"),
            (f"{code}?other=1", 400, "invalid-request"),
            (f"{'a%20' * 200}?match=typed", 400, "invalid-request"),
            ("%20?match=typed", 404, "code-not-found"),
            ("a?match=typed", 404, "code-not-found"),
        ):
            answer = get(f"{B}/codes/{path}")
            assert (status, f"/problems/{slug}") == (answer.status_code, answer.json["type"]), path

    def test_a_code_of_another_campaign_or_brand_is_unknown(self, get, code, codes, refused):
        refused(get(f"{C}/codes/{code}"), 404, "code-not-found")
        refused(get(f"{B}/campaigns/none/codes/{code}"), 404, "campaign-not-found")
        refused(get(f"/v1/brands/other/codes/{code}"), 404, "brand-not-found")
        refused(get(f"{B}/codes/{code}", brands=["b2"]), 404, "brand-not-found")
        refused(get(f"{B}/codes/{code}", scope="discounts:audit"), 403, "forbidden")

    def test_the_holder(self, get, code, codes, refused, client, auth):
        answer = get(f"{B}/codes/{code}/holder", scope="discounts:audit")
        assert (200, "no-store") == (answer.status_code, answer.headers["Cache-Control"])
        reserved_at = get(f"{B}/codes/{code}").json["reserved_at"]
        assert {"user": "alice", "campaign": "summer", "reserved_at": reserved_at} == answer.json
        refused(get(f"{B}/codes/{codes[0]}/holder"), 404, "reservation-not-found")
        refused(get(f"{B}/codes/NONE/holder"), 404, "code-not-found")
        refused(get(f"{B}/codes/{code}/holder", scope="discounts:read"), 403, "forbidden")
        head = client.head(f"{B}/codes/{code}/holder", headers=auth)
        assert (405, "GET") == (head.status_code, head.headers["Allow"])
        assert 200 == client.head(f"{B}/codes/{code}", headers=auth).status_code

    def test_an_erased_holder(self, get, code, database, refused):
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE code SET user_id = '/1.2' WHERE user_id = 'alice'")
        refused(get(f"{B}/codes/{code}/holder"), 410, "user-erased")
        assert "/1.2" not in get(f"{B}/codes/{code}").text
