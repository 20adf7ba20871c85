"""Security headers of every answer."""

from collections import Counter

import pytest

from service.observability.exchange import LOCKED_DOWN
from tests.api.conftest import C

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PATHS = [
    "/livez",
    "/readyz",
    "/v1/brands",
    "/v1/nothing",
    "/v1/brands/ghost",
    f"{C}/codes?limit=x",
    "/apidocs",
    "/apidocs/",
    "/apidocs/static/swagger-ui-bundle.js",
    "/apidocs/nothing",
    "/apispec_1.json",
    "/problems/",
    "/problems/conflict",
    "/problems/nothing",
]
PAGES = {"/apidocs", "/apidocs/", "/problems/", "/problems/conflict"}


@pytest.fixture
def engine():
    """Every answer passes the same middleware."""
    return "sqlite"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("known", [True, False])
def test_every_answer_carries_them_once(client, auth, path, known):
    answer = client.get(path, headers=auth if known else {}, buffered=True)
    assert ALWAYS.items() <= dict(answer.headers).items()
    times = Counter(name.lower() for name, _ in answer.headers)
    assert {"content-security-policy"} <= set(times)
    assert {1} == set(times.values()), times


def test_a_failure_carries_them_too(client, auth, monkeypatch, store):
    monkeypatch.setattr(type(store), "brand", None)
    answer = client.get("/v1/brands/brand1", headers=auth)
    assert 500 == answer.status_code
    assert ALWAYS.items() <= dict(answer.headers).items()
    assert LOCKED_DOWN == answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [path for path in PATHS if path not in PAGES])
def test_nothing_but_a_page_may_load_anything(client, path):
    assert LOCKED_DOWN == client.get(path, buffered=True).headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/apidocs", "/apidocs/"])
def test_the_docs_may_load_our_own_files_and_run_nothing_inline(client, path):
    policy = client.get(path).headers["Content-Security-Policy"]
    directives = {name: values for name, *values in map(str.split, policy.split(";"))}
    assert directives == {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
    }


def test_hsts_is_left_to_the_end_of_tls(client):
    assert "Strict-Transport-Security" not in client.get("/livez").headers


def test_a_problems_page_may_load_its_style_and_nothing_else(client):
    policy = client.get("/problems/").headers["Content-Security-Policy"]
    assert f"{LOCKED_DOWN}; style-src 'self'" == policy
