"""GET /v1/discount/fetch/{brand}/{user}, and PUT and GET C/reservations/{user}."""

from datetime import datetime
from urllib.parse import quote

import pytest

from tests.api.conftest import C

FETCH = "/v1/discount/fetch/brand1/user1"
PUT = f"{C}/reservations/user1"
ODD_USERS = [
    "😀",
    "日本語",
    "a b",
    "%",
    "é",
    "e\u0301",
    "?",
    "#",
    "'; DROP TABLE code; --",
    "x" * 128,
]


def test_the_same_user_gets_the_same_code_for_ever(client, auth, codes):
    answers = [client.get(FETCH, headers=auth) for _ in range(3)]
    assert {200} == {answer.status_code for answer in answers}
    assert 1 == len({answer.text for answer in answers})
    assert ["discount_code"] == list(answers[0].json)
    assert answers[0].json["discount_code"] in codes


def test_every_user_gets_a_code_of_their_own_until_none_is_left(client, auth, refused, codes):
    urls = [f"/v1/discount/fetch/brand1/user{number}" for number in range(11)]
    answers = [client.get(url, headers=auth) for url in urls]
    assert sorted(codes) == sorted(answer.json["discount_code"] for answer in answers[:10])
    refused(answers[10], 404, "no-codes-left")
    assert answers[0].json == client.get(urls[0], headers=auth).json


def test_no_cache_keeps_a_code(client, auth, codes):
    assert "no-store" == client.get(FETCH, headers=auth).headers["Cache-Control"]


def test_head_reserves_nothing(client, auth, changes, codes):
    before = changes()
    answer = client.head(FETCH, headers=auth)
    assert 405 == answer.status_code
    for method in ("HEAD", "POST", "DELETE", "OPTIONS"):
        answer = client.open(FETCH, method=method, headers=auth)
        assert (405, "GET") == (answer.status_code, answer.headers["Allow"])
    assert before == changes()


def test_an_unknown_brand(client, auth, refused, changes):
    before = changes()
    refused(client.get(FETCH, headers=auth), 404, "brand-not-found")
    refused(client.put(PUT, headers=auth), 404, "brand-not-found")
    refused(client.get(PUT, headers=auth), 404, "brand-not-found")
    assert before == changes()


def test_an_unknown_campaign(client, auth, refused, codes):
    refused(client.get(f"{FETCH}?campaign=summer", headers=auth), 404, "campaign-not-found")
    other = "/v1/brands/brand1/campaigns/summer/reservations/user1"
    refused(client.put(other, headers=auth), 404, "campaign-not-found")
    refused(client.get(other, headers=auth), 404, "campaign-not-found")


def test_the_campaign_may_be_named(client, auth, codes):
    named = client.get(f"{FETCH}?campaign=default", headers=auth)
    assert named.json == client.get(FETCH, headers=auth).json


@pytest.mark.parametrize("query", ["x=1", "campaign=a&campaign=b", "campaign=", "campaign=%20a"])
def test_a_query_that_is_not_understood(client, auth, refused, changes, codes, query):
    before = changes()
    refused(client.get(f"{FETCH}?{query}", headers=auth), 400, "invalid-request")
    assert before == changes()


@pytest.mark.parametrize("user", ODD_USERS)
def test_users_in_every_script_get_a_code_each(client, auth, codes, user):
    answer = client.put(f"{C}/reservations/{quote(user, safe='')}", headers=auth)
    assert 201 == answer.status_code
    assert user == answer.json["user"]


@pytest.mark.parametrize(
    "user", ["%20a", "a%20", "..", ".", "%00", "%C2%85", "x" * 129, "%0A", "a%0D%0AX-Evil:1"]
)
def test_a_user_that_is_no_name(client, auth, refused, changes, codes, user):
    before = changes()
    answer = client.get(f"/v1/discount/fetch/brand1/{user}", headers=auth)
    refused(answer, 400, "invalid-request", "/user")
    assert before == changes()


@pytest.mark.parametrize(
    "path",
    [
        "brand1/user1/",
        "brand1/user1%2F",
        "brand1/a%2Fb",
        "brand1/",
        "brand1",
        "/user1",
        "brand1//u",
        "",
    ],
)
def test_a_path_with_a_slash_too_many_or_too_few(client, auth, refused, codes, path):
    """Otherwise `user1/`, which is not a name, would get the code of `user1`."""
    refused(client.get(f"/v1/discount/fetch/{path}", headers=auth), 404, "not-found")


class TestPut:
    def test_reserved_now_then_reserved_before(self, client, auth, codes):
        first = client.put(PUT, headers=auth)
        second = client.put(PUT, headers=auth)
        assert (201, 200) == (first.status_code, second.status_code)
        assert first.json == second.json == client.get(PUT, headers=auth).json
        assert {
            "discount_code": client.get(FETCH, headers=auth).json["discount_code"],
            "state": "reserved",
            "brand": "brand1",
            "campaign": "default",
            "user": "user1",
            "expires_at": None,
        }.items() <= first.json.items()
        assert datetime.fromisoformat(first.json["reserved_at"]).tzinfo is not None

    def test_an_empty_pool(self, client, auth, refused, codes):
        for number in range(10):
            client.put(f"{C}/reservations/u{number}", headers=auth)
        refused(client.put(PUT, headers=auth), 404, "no-codes-left")


class TestShow:
    def test_nothing_is_reserved(self, client, auth, refused, changes, codes):
        before = changes()
        refused(client.get(PUT, headers=auth), 404, "reservation-not-found")
        assert 404 == client.head(PUT, headers=auth).status_code
        assert before == changes()
