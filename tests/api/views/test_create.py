"""POST /v1/discount/create and POST C/codes."""

import json

import pytest

from tests.api.conftest import C

URL = "/v1/discount/create"
GOOD = {"brand": "brand1", "number_to_create": 10}


def test_as_many_new_codes_as_asked(client, auth):
    first = client.post(URL, json=GOOD, headers=auth)
    second = client.post(URL, json=GOOD, headers=auth)
    assert 200 == first.status_code == second.status_code
    assert "application/json" == first.content_type
    assert 20 == len({*first.json, *second.json})


@pytest.mark.parametrize("number", [1, 1000])
def test_the_limits_are_included(client, auth, number):
    answer = client.post(URL, json=GOOD | {"number_to_create": number}, headers=auth)
    assert number == len(set(answer.json))


@pytest.mark.parametrize("number", ["10", 10.0, True, None, [], {}, 0, -1, 1001, 10**30, ""])
def test_a_number_that_is_no_json_integer_from_1_to_1000(client, auth, refused, changes, number):
    before = changes()
    answer = client.post(URL, json=GOOD | {"number_to_create": number}, headers=auth)
    refused(answer, 400, "invalid-request", "/number_to_create")
    assert before == changes()


@pytest.mark.parametrize("missing", ["brand", "number_to_create"])
def test_a_missing_key(client, auth, refused, missing):
    body = {name: value for name, value in GOOD.items() if name != missing}
    refused(client.post(URL, json=body, headers=auth), 400, "invalid-request", f"/{missing}")


def test_an_unknown_key(client, auth, refused, changes):
    before = changes()
    answer = client.post(URL, json=GOOD | {"a/b~c": 1}, headers=auth)
    refused(answer, 400, "invalid-request", "/a~1b~0c")
    assert before == changes()


def test_every_fault_is_named_at_once(client, auth, refused):
    answer = client.post(URL, json={"brand": " ", "number_to_create": 0, "x": 1}, headers=auth)
    problem = refused(answer, 400, "invalid-request")
    assert ["/brand", "/number_to_create", "/x"] == sorted(
        error["pointer"] for error in problem["errors"]
    )


@pytest.mark.parametrize(
    "brand", ["", " a", "a ", ".", "..", "a/b", "a\x00b", "\x85", "x" * 65, 7, None, ["a"]]
)
def test_a_brand_that_is_no_name(client, auth, refused, brand):
    answer = client.post(URL, json=GOOD | {"brand": brand}, headers=auth)
    refused(answer, 400, "invalid-request", "/brand")


@pytest.mark.parametrize("brand", ["😀", "日本", "a b", "%2F", "x" * 64, "é", "e\u0301"])
def test_a_brand_in_any_script(client, auth, brand):
    assert 200 == client.post(URL, json=GOOD | {"brand": brand}, headers=auth).status_code
    names = [item["brand"] for item in client.get("/v1/brands", headers=auth).json["items"]]
    assert [brand] == names


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nope",
        b'{"brand": "brand1", "number_to_create": 1}x',
        b'{"brand": "\\ud800", "number_to_create": 1}',
        b'{"brand": "\xff", "number_to_create": 1}',
        b'{"brand": "brand1", "number_to_create": NaN}',
        b'{"brand": "brand1", "number_to_create": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"text"',
        b"7",
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_a_body_that_is_no_json_object(client, auth, refused, changes, body):
    before = changes()
    answer = client.post(URL, data=body, content_type="application/json", headers=auth)
    refused(answer, 400, "invalid-request")
    assert before == changes()


@pytest.mark.parametrize(
    "body",
    [
        b'{"brand": "brand1", "number_to_create": 0, "number_to_create": 1}',
        b'{"brand": "brand1", "brand": "brand2", "number_to_create": 1}',
    ],
)
def test_a_member_that_is_there_twice(client, auth, refused, changes, body):
    before = changes()
    answer = client.post(URL, data=body, content_type="application/json", headers=auth)
    problem = refused(answer, 400, "invalid-request")
    assert "Given more than once." == problem["errors"][0]["detail"]
    assert before == changes()


def test_an_encoded_body(client, auth, refused):
    answer = client.post(URL, json=GOOD, headers=auth | {"Content-Encoding": "gzip"})
    refused(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "json"])
def test_a_body_of_another_kind(client, auth, refused, kind):
    answer = client.post(URL, data=json.dumps(GOOD), content_type=kind, headers=auth)
    refused(answer, 415, "unsupported-media-type")


def test_json_with_a_charset_is_json(client, auth):
    kind = "application/json; charset=utf-8"
    answer = client.post(URL, data=json.dumps(GOOD), content_type=kind, headers=auth)
    assert 200 == answer.status_code


def test_a_body_over_one_mebibyte(client, auth, refused):
    padding = " " * (1024 * 1024)
    answer = client.post(
        URL, data=json.dumps(GOOD) + padding, content_type="application/json", headers=auth
    )
    refused(answer, 413, "too-large")


def test_a_body_of_exactly_one_mebibyte(client, auth):
    body = json.dumps(GOOD)
    body += " " * (1024 * 1024 - len(body))
    answer = client.post(URL, data=body, content_type="application/json", headers=auth)
    assert 200 == answer.status_code


def test_a_query_is_refused(client, auth, refused):
    answer = client.post(f"{URL}?campaign=default", json=GOOD, headers=auth)
    refused(answer, 400, "invalid-request", "/campaign")


def test_the_campaign_is_optional(client, auth, refused):
    assert 200 == client.post(URL, json=GOOD | {"campaign": "default"}, headers=auth).status_code
    answer = client.post(URL, json=GOOD | {"campaign": "summer"}, headers=auth)
    refused(answer, 404, "campaign-not-found")
    answer = client.post(URL, json=GOOD | {"campaign": None}, headers=auth)
    refused(answer, 400, "invalid-request", "/campaign")


def test_only_default_makes_a_brand(client, auth, refused, changes):
    before = changes()
    answer = client.post(URL, json=GOOD | {"campaign": "summer"}, headers=auth)
    refused(answer, 404, "brand-not-found")
    assert before == changes()


class TestInACampaign:
    def test_the_first_codes_make_the_brand(self, client, auth):
        answer = client.post(f"{C}/codes", json={"number_to_create": 3}, headers=auth)
        assert 201 == answer.status_code
        assert 3 == len(set(answer.json))
        assert 3 == client.get(C, headers=auth).json["counts"]["available"]

    def test_the_brand_stands_in_the_path_alone(self, client, auth, refused):
        answer = client.post(f"{C}/codes", json=GOOD, headers=auth)
        refused(answer, 400, "invalid-request", "/brand")

    def test_another_campaign_must_be_there(self, client, auth, refused, codes):
        url = "/v1/brands/brand1/campaigns/summer/codes"
        answer = client.post(url, json={"number_to_create": 1}, headers=auth)
        refused(answer, 404, "campaign-not-found")
