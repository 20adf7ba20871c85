"""The service as a caller sees it, over HTTP; `make run-tests-api` points this at any service."""

import pytest


def test_create_then_fetch(call, brand):
    created = call("POST", "/v1/discount/create", json={"brand": brand, "number_to_create": 3})
    assert (200, 3) == (created.status_code, len(set(created.json())))
    fetched = [call("GET", f"/v1/discount/fetch/{brand}/user{n}") for n in (1, 2, 3, 1)]
    codes = [answer.json()["discount_code"] for answer in fetched]
    assert codes[0] == codes[3]
    assert sorted(created.json()) == sorted(codes[:3])
    assert "no-store" == fetched[0].headers["Cache-Control"]
    empty = call("GET", f"/v1/discount/fetch/{brand}/user4")
    assert (404, "/problems/no-codes-left") == (empty.status_code, empty.json()["type"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"brand": "b"},
        {"number_to_create": 1},
        *({"brand": "b", "number_to_create": n} for n in (0, 1001, "10", 10.0, True, None)),
        {"brand": "b", "number_to_create": 1, "more": 1},
    ],
)
def test_bad_input_is_named(call, body):
    answer = call("POST", "/v1/discount/create", json=body)
    assert 400 == answer.status_code
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert answer.json()["errors"]


def test_unknown_names(call, brand):
    for path in (f"/v1/discount/fetch/{brand}/user1", f"/v1/brands/{brand}"):
        answer = call("GET", path)
        assert (404, "/problems/brand-not-found") == (answer.status_code, answer.json()["type"])


def test_the_resources(call, brand):
    campaign = f"/v1/brands/{brand}/campaigns/default"
    assert 201 == call("POST", f"{campaign}/codes", json={"number_to_create": 5}).status_code
    first, again = (call("PUT", f"{campaign}/reservations/user1") for _ in range(2))
    assert (201, 200) == (first.status_code, again.status_code)
    assert first.json() == again.json() == call("GET", f"{campaign}/reservations/user1").json()
    for path in (f"/v1/brands/{brand}", campaign):
        counts = call("GET", path).json()["counts"]
        assert (4, 1) == (counts["available"], counts["reserved"])
    page = call("GET", f"{campaign}/codes?limit=3").json()
    rest = call("GET", f"{campaign}/codes?limit=3&cursor={page['next_cursor']}").json()
    codes = [item["code"] for item in page["items"] + rest["items"]]
    assert 5 == len(set(codes))
    assert rest["next_cursor"] is None
    assert (
        "reserved"
        == call("GET", f"{campaign}/codes/{first.json()['discount_code']}").json()["state"]
    )
    assert 1 == len(call("GET", f"{campaign}/codes?state=reserved").json()["items"])


def test_a_checkout(call, brand):
    campaign = f"/v1/brands/{brand}/campaigns/default"
    call("POST", f"{campaign}/codes", json={"number_to_create": 1})
    code = call("PUT", f"{campaign}/reservations/user1").json()["discount_code"]
    at = f"/v1/brands/{brand}/codes/{code}"
    order, other = ({"reference": name, "user": "user1"} for name in ("order-1", "order-2"))
    assert 201 == call("PUT", f"{at}/hold", json=order).status_code
    held = call("PUT", f"{at}/redemption", json=other)
    assert (409, "/problems/code-held", "reserved") == (
        held.status_code,
        held.json()["type"],
        held.json()["state"],
    )
    statuses = [call("PUT", f"{at}/redemption", json=order).status_code for _ in range(2)]
    assert [201, 200] == statuses
    assert "redeemed" == call("GET", f"{campaign}/reservations/user1").json()["state"]
    assert 204 == call("DELETE", f"{at}/redemption?reference=order-1").status_code
    assert call("GET", f"{at}/redemption?reference=order-1").json()["undone_at"]
    late = call("PUT", f"{at}/redemption", json=order)
    assert (409, "/problems/redemption-undone") == (late.status_code, late.json()["type"])
    assert 204 == call("DELETE", f"{campaign}/reservations/user1").status_code
    assert 404 == call("GET", f"{campaign}/reservations/user1").status_code
    assert 1 == call("GET", campaign).json()["counts"]["disabled"]


def test_head_on_fetch_is_refused_and_reserves_nothing(call, brand):
    call("POST", "/v1/discount/create", json={"brand": brand, "number_to_create": 1})
    assert 405 == call("HEAD", f"/v1/discount/fetch/{brand}/user1").status_code
    assert 1 == call("GET", f"/v1/brands/{brand}").json()["counts"]["available"]


def test_nothing_without_a_token(call, brand):
    for method, path in (
        ("POST", "/v1/discount/create"),
        ("GET", f"/v1/discount/fetch/{brand}/user1"),
        ("GET", "/v1/brands"),
    ):
        answer = call(method, path, headers={})
        assert 401 == answer.status_code
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/apidocs/", "/apispec_1.json", "/problems/no-codes-left"]
)
def test_what_is_open(call, path):
    assert 200 == call("GET", path, headers={}).status_code


def test_names_in_every_script(call, brand):
    name = f"{brand[:40]} é日😀"
    call("POST", "/v1/discount/create", json={"brand": name, "number_to_create": 1})
    answer = call("PUT", f"/v1/brands/{name}/campaigns/default/reservations/ü 🙂")
    assert (201, name, "ü 🙂") == (
        answer.status_code,
        answer.json()["brand"],
        answer.json()["user"],
    )
