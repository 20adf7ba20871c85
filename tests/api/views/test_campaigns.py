"""Campaigns: rules are set, shown, conditional, and archived."""

import time

import pytest

from service.domain.check_character import check_character
from tests.support.tokens import bearer

URL = "/v1/brands/brand1/campaigns/summer"
JOBS = f"{URL}/jobs"
HOUR = 3_600_000


def moment(after_ms):
    at = time.time() + after_ms / 1000
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


@pytest.fixture
def put(client):
    def send(body, query="", **headers):
        return client.put(f"{URL}{query}", json=body, headers=bearer() | headers)

    return send


@pytest.fixture
def get(client):
    return lambda url=URL: client.get(url, headers=bearer())


def rules(answer):
    return answer.get_json()["rules"]


def test_it_is_made_with_its_brand_and_shown_as_it_was_set(put, get):
    made = put({"paused": True, "metadata": {"b": 1, "a": [1.0]}})
    assert 201 == made.status_code
    shown = made.get_json()
    assert {"brand": "brand1", "campaign": "summer", "archived": False, "open": False} == {
        name: shown[name] for name in ("brand", "campaign", "archived", "open")
    }
    assert {"space_bits": 60, "codes": 1, "one_guess": 2**60} == shown["guess"]
    assert 0 == sum(shown["counts"].values())
    assert (made.data, made.headers["ETag"]) == (get().data, get().headers["ETag"])
    assert 200 == get("/v1/brands/brand1").status_code


def test_to_put_back_what_get_gave_changes_nothing(put, get):
    put(
        {
            "discount": {"type": "amount", "value": "05.10", "currency": "EUR"},
            "claims_from": "2020-01-01T01:00:00.9999+01:00",
            "ends_at": moment(HOUR),
            "reservation_ttl_s": 60,
            "code_format": {"pattern": "SUMMER-########", "check": True},
            "low_at": [5, 1],
            "metadata": {"é": [None, 1.5]},
        }
    )
    before = get()
    after = put(rules(before))
    assert 200 == after.status_code
    assert (before.data, before.headers["ETag"]) == (after.data, after.headers["ETag"])
    assert "2020-01-01T00:00:00.999Z" == rules(after)["claims_from"]


def test_a_missing_member_has_its_default_again(put, get):
    put({"paused": True, "low_at": [1]})
    put({})
    assert (False, []) == (rules(get())["paused"], rules(get())["low_at"])
    assert get().get_json()["open"] is True


def test_conditions(put, get):
    assert 412 == put({}, **{"If-Match": "*"}).status_code
    assert 412 == put({}, **{"If-Match": '"x"'}).status_code
    assert 404 == get().status_code
    assert 201 == put({}, **{"If-None-Match": "*"}).status_code
    assert 412 == put({"paused": True}, **{"If-None-Match": "*"}).status_code
    etag = get().headers["ETag"]
    assert 200 == put({"paused": True}, **{"If-Match": etag}).status_code
    late = put({"paused": False}, **{"If-Match": etag})
    assert (412, "/problems/precondition-failed") == (late.status_code, late.get_json()["type"])
    assert 412 == put({}, **{"If-Match": f"W/{get().headers['ETag']}"}).status_code
    assert 400 == put({}, **{"If-Match": "x"}).status_code
    assert rules(get())["paused"] is True


def test_a_dry_run_changes_nothing(put, get):
    made = put({"paused": True}, "?dry_run=true")
    assert (200, True) == (made.status_code, rules(made)["paused"])
    assert 404 == get().status_code
    put({})
    put({"paused": True}, "?dry_run=true")
    assert rules(get())["paused"] is False


def test_fixed_terms_and_a_shorter_campaign(put, get):
    put({"discount": {"type": "percent", "value": "15"}, "ends_at": moment(2 * HOUR)})
    worse = rules(get()) | {"discount": {"type": "percent", "value": "10"}}
    refused = put(worse)
    assert (409, "/problems/terms-fixed") == (refused.status_code, refused.get_json()["type"])
    assert "discount" in refused.get_json()["detail"]
    shorter = rules(get()) | {"ends_at": moment(HOUR)}
    assert 409 == put(shorter).status_code
    assert 200 == put(shorter, "?shorten=true").status_code
    past = put(rules(get()) | {"ends_at": moment(-HOUR)}, "?shorten=true")
    assert [{"pointer": "/ends_at", "detail": "Must not be in the past."}] == past.get_json()[
        "errors"
    ]


def test_what_is_refused_makes_no_brand(put, client):
    refused = put({"code_format": {"pattern": "####", "alphabet": "01234567"}})
    assert (400, "/problems/guessable") == (refused.status_code, refused.get_json()["type"])
    assert 404 == client.get("/v1/brands/brand1", headers=bearer()).status_code


def test_to_archive_ends_claims_and_jobs_and_can_be_undone(put, get, client):
    assert 404 == client.delete(URL, headers=bearer()).status_code
    put({})
    order = {"kind": "generate", "count": 5}
    job = client.post(JOBS, json=order, headers=bearer()).get_json()["id"]
    for _ in range(2):
        gone = client.delete(URL, headers=bearer())
        assert (204, b"") == (gone.status_code, gone.data)
        assert "Content-Type" not in gone.headers
    assert "cancelled" == get(f"{JOBS}/{job}").get_json()["state"]
    assert (True, False) == (get().get_json()["archived"], get().get_json()["open"])
    (listed,) = get("/v1/brands/brand1/campaigns").get_json()["items"]
    assert listed["archived"] is True
    assert 200 == put(rules(get()) | {"archived": False}).status_code
    assert get().get_json()["open"] is True


def test_who_may(client):
    for scope in ("discounts:create", "discounts:read"):
        assert 403 == client.put(URL, json={}, headers=bearer(scope=scope)).status_code
    other = bearer(brands=["other"])
    answer = client.put(URL, json={}, headers=other)
    assert (404, "/problems/brand-not-found") == (answer.status_code, answer.get_json()["type"])


def create(client, number, **headers):
    body = {"number_to_create": number}
    return client.post(f"{URL}/codes", json=body, headers=bearer() | headers)


def test_new_codes_have_the_format(put, client):
    put({"code_format": {"pattern": "SUMMER-########", "check": True}})
    codes = create(client, 20).get_json()
    assert all(code.startswith("SUMMER-") and 15 == len(code) for code in codes)
    for code in codes:
        assert check_character(code[7:14]) == code[14]


def test_more_codes_than_are_hard_to_guess_are_refused(put, get, client):
    put({"code_format": {"pattern": "########", "alphabet": "0123456789"}})  # 10^8
    assert 201 == create(client, 100).status_code
    refused = create(client, 1)
    assert (400, "/problems/guessable") == (refused.status_code, refused.get_json()["type"])
    order = {"kind": "generate", "count": 1}
    assert 400 == client.post(JOBS, json=order, headers=bearer()).status_code
    assert {"space_bits": 26, "codes": 100, "one_guess": 10**6} == get().get_json()["guess"]


def test_an_archived_campaign_takes_no_codes(put, client):
    put({})
    key = {"Idempotency-Key": "first"}
    made = create(client, 1, **key)
    client.delete(URL, headers=bearer())
    for answer in (
        create(client, 1),
        client.post(JOBS, json={"kind": "generate", "count": 1}, headers=bearer()),
        client.post(
            f"{URL}/imports", data="AAAA\n", headers=bearer() | {"Content-Type": "text/csv"}
        ),
    ):
        assert (409, "/problems/campaign-not-open", "archived") == (
            answer.status_code,
            answer.get_json()["type"],
            answer.get_json()["reason"],
        )
    assert made.get_json() == create(client, 1, **key).get_json(), "a repetition is answered"
