"""Who may call: default deny, scopes, and brands that a token does not name."""

import re

import pytest

from service.auth.authentication import is_open
from tests.api.conftest import C
from tests.support.tokens import bearer, token

CODE = "/v1/brands/brand1/codes/ABCD"
CALLS = [
    ("POST", "/v1/discount/create", "discounts:create"),
    ("GET", "/v1/discount/fetch/brand1/user1", "discounts:reserve"),
    ("GET", "/v1/brands", "discounts:read"),
    ("GET", "/v1/brands/brand1", "discounts:read"),
    ("GET", "/v1/brands/brand1/campaigns", "discounts:read"),
    ("GET", C, "discounts:read"),
    ("POST", f"{C}/codes", "discounts:create"),
    ("GET", f"{C}/codes", "discounts:export"),
    ("GET", f"{C}/codes/ABCD", "discounts:read"),
    ("PUT", f"{C}/reservations/user1", "discounts:reserve"),
    ("GET", f"{C}/reservations/user1", "discounts:read"),
    ("DELETE", f"{C}/reservations/user1", "discounts:manage"),
    ("PUT", f"{CODE}/hold", "discounts:redeem"),
    ("DELETE", f"{CODE}/hold?reference=order", "discounts:redeem"),
    ("PUT", f"{CODE}/redemption", "discounts:redeem"),
    ("GET", f"{CODE}/redemption?reference=order", "discounts:redeem"),
    ("DELETE", f"{CODE}/redemption?reference=order", "discounts:redeem"),
]


@pytest.fixture
def engine():
    """Authorization is decided before a database is queried."""
    return "sqlite"


def body_for(path):
    if path.endswith("create"):
        return {"brand": "brand1", "number_to_create": 1}
    if path.endswith(("/hold", "/redemption")):
        return {"reference": "order", "user": "user1"}
    return {"number_to_create": 1} if path.endswith("codes") else None


def test_no_route_answers_without_a_token_but_those_on_the_contracts_list(app, client):
    """Check every route of the map, so that no new route can be forgotten."""
    seen = 0
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        for method in rule.methods or ():
            seen += 1
            status = client.open(path, method=method).status_code
            assert is_open(path) or 401 == status, (method, path, status)
    assert seen > len(CALLS)


def test_the_open_list_is_the_contracts():
    for path in (
        *("/", "/livez", "/readyz", "/apidocs", "/apidocs/x/y", "/problems/x"),
        *("/apispec_1.json", "/openapi.json"),
    ):
        assert is_open(path)
    for path in ("//", "/v1", "/livez/", "/livezz", "/metrics", "/apidocsx", "/problems", "/LIVEZ"):
        assert not is_open(path)


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/metrics", "/admin", "/static/x"])
def test_unknown_paths_reveal_nothing_without_a_token(client, auth, refused, path):
    refused(client.get(path), 401, "unauthenticated")
    refused(client.get(path, headers=auth), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"), [(each, "/v1/brands") for each in ("DELETE", "PATCH", "OPTIONS")]
)
def test_a_method_that_is_not_there(client, auth, refused, method, path):
    answer = client.open(path, method=method, headers=auth)
    refused(answer, 405, "method-not-allowed")
    assert "GET, HEAD" == answer.headers["Allow"]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_each_call_needs_its_scope_and_no_other(
    client, refused, changes, codes, method, path, scope
):
    everything = {scope for _, _, scope in CALLS}
    without = bearer(scope=" ".join(everything - {scope}))
    before = changes()
    answer = client.open(path, method=method, json=body_for(path), headers=without)
    refused(answer, 403, "forbidden")
    assert (
        f'Bearer error="insufficient_scope", scope="{scope}"' == answer.headers["WWW-Authenticate"]
    )
    assert before == changes()
    answer = client.open(path, method=method, json=body_for(path), headers=bearer(scope=scope))
    assert answer.status_code in {200, 201, 404}
    assert (
        "code-not-found" in answer.text
        or "reservation-not-found" in answer.text
        or answer.status_code != 404
    )


@pytest.mark.parametrize(
    ("method", "path", "scope"), [call for call in CALLS if call[1] != "/v1/brands"]
)
def test_a_brand_that_the_token_does_not_name_does_not_exist(
    client, refused, changes, codes, method, path, scope
):
    """The answers to existing and missing names differ only in the request id."""
    other = bearer(brands=["brand2"])
    before = changes()
    existing = client.open(path, method=method, json=body_for(path), headers=other)
    missing_path = path.replace("brand1", "ghost")
    body = body_for(path)
    if body and "brand" in body:
        body["brand"] = "ghost"
    missing = client.open(missing_path, method=method, json=body, headers=other)
    problems = [refused(answer, 404, "brand-not-found") for answer in (existing, missing)]
    for problem in problems:
        del problem["request_id"], problem["instance"]
    assert problems[0] == problems[1]
    assert before == changes()


def test_an_invalid_body_reveals_no_brand_either(client, refused, codes):
    body = {"brand": "brand1", "number_to_create": "all", "more": 1}
    answer = client.post("/v1/discount/create", json=body, headers=bearer(brands=["brand2"]))
    refused(answer, 404, "brand-not-found")


def test_without_a_token(client, refused):
    answer = client.get("/v1/brands")
    refused(answer, 401, "unauthenticated")
    assert "Bearer" == answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "bearer", "Token x", ""])
def test_another_kind_of_authorization_is_no_token(client, refused, header):
    answer = client.get("/v1/brands", headers={"Authorization": header})
    refused(answer, 401, "unauthenticated")
    assert "Bearer" == answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("bad", ["x", "a.b.c", token() + "x", token(exp=1), token(aud="x"), "é"])
def test_a_bad_token(client, refused, bad):
    answer = client.get("/v1/brands", headers={"Authorization": f"Bearer {bad}"})
    refused(answer, 401, "unauthenticated")
    assert 'Bearer error="invalid_token"' == answer.headers["WWW-Authenticate"]


def test_the_scheme_is_case_insensitive(client):
    """RFC 9110, section 11.1."""
    answer = client.get("/v1/brands", headers={"Authorization": f"bEARER {token()}"})
    assert 200 == answer.status_code


def test_authentication_comes_before_everything_else(client, refused):
    """An unauthenticated caller learns nothing about the form of a valid call."""
    refused(client.post("/v1/discount/create", data="{"), 401, "unauthenticated")
    refused(client.delete("/v1/brands"), 401, "unauthenticated")
