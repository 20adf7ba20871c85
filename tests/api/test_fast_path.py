"""The fast path and Flask give the same answers, log lines and metrics."""

import io
import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from flask import Flask, request_started
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from service.app import create_app, services_of
from service.container.services import build
from service.server.fast_path.dispatch import FastPath
from service.server.fast_path.entry import install
from service.settings import Settings
from service.store.maintenance.upgrade import upgrade
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite
from tests.support.examples import examples
from tests.support.installation import Lines, application
from tests.support.tokens import SECRET, token

FETCH = "/v1/discount/fetch/{brand}/{user}"
RESERVATION = "/v1/brands/{brand}/campaigns/{campaign}/reservations/{user}"
CALLS = [("GET", FETCH), ("PUT", RESERVATION), ("GET", RESERVATION)]
TOKENS = {
    "good": f"Bearer {token()}",
    "small letters": f"bearer {token()}",
    "spaces": f"Bearer   {token()} ",
    "cannot reserve": f"Bearer {token(scope='discounts:read')}",
    "cannot read": f"Bearer {token(scope='discounts:reserve')}",
    "knows brand1 alone": f"Bearer {token(brands=['brand1'])}",
    "knows another": f"Bearer {token(brands=['other'])}",
    "expired": f"Bearer {token(exp=1)}",
    "no token": "Bearer",
    "another scheme": "Basic YTpi",
    "forged": f"Bearer {token()[:-4]}AAAA",
}
GOOD = ("Authorization", TOKENS["good"])


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """An application with a brand that has few codes, and its log."""
    log = Lines()
    url = f"sqlite:///{tmp_path_factory.mktemp('both-ways')}/discount.db"
    app = create_app(build(Settings(database_url=url, jwt_secret=SECRET), log_stream=log))
    install(app)
    storage = services_of(app).storage
    upgrade(storage.database)
    add_codes(storage.store, "brand1", "default", 3, lambda n: [f"CODE{i}" for i in range(n)], 0)
    yield app, log
    storage.store.close()


def ask(served: tuple[Flask, Lines], by: str, **request):
    """Send a request by one of the ways; return the answer and the log line."""
    app, log = served
    log.forget()
    fast_path = app.wsgi_app
    assert isinstance(fast_path, FastPath)
    way = fast_path.app if by == "flask" else fast_path
    body, status, headers = run_wsgi_app(way, environ(**request))
    (line,) = [json.loads(line) for line in log.text.splitlines()]
    for varies in ("timestamp", "duration_ms"):
        del line[varies]
    fields = [field for field in headers if field[0] != "RateLimit"]
    return status, fields, ("RateLimit" in headers), b"".join(body), line


def environ(method="GET", path="/", query="", headers=()):
    """Return a WSGI environment; the path is raw."""
    made = EnvironBuilder(method=method, headers=[*headers, ("X-Request-ID", "id")]).get_environ()
    made["PATH_INFO"] = path.encode(errors="surrogatepass").decode("latin-1")
    made["QUERY_STRING"] = query
    made["wsgi.input"] = io.BytesIO()
    return made


ODD_NAMES = [
    *("", ".", "..", "a b", " a", "a ", "other", "é", "日本", "😀", "%", "a\n", "\x00", "\x7f"),
    *("x" * 64, "x" * 65, "x" * 128, "x" * 129, "a/b", "a\\b", "a;b", "a?b", "a#b"),
]
ODD_QUERIES = ["campaign=default", "campaign=other", "x=1", "%ff", "&", "="]
ODD_METHODS = ["HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "X", "get"]
ODD_FIELDS = [
    ("Accept", "text/html"),
    ("Content-Type", "application/json"),
    ("Content-Length", "0"),
    ("Host", "a b"),
    ("Host", ""),
    ("Host", "example.com:99999"),
    ("Idempotency-Key", "key"),
    ("If-None-Match", "*"),
    ("Range", "bytes=0-1"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("traceparent", f"00-{'1' * 32}-{'2' * 16}-01"),
    ("Upgrade", "websocket"),
]


def mostly(usual, odd):
    """Generate usual values half of the time: a call should seldom be odd in two ways."""
    return st.booleans().flatmap(lambda is_odd: odd if is_odd else usual)


def names(*usual):
    return mostly(st.sampled_from(usual), st.one_of(st.sampled_from(ODD_NAMES), st.text()))


@settings(max_examples=examples(120), suppress_health_check=[HealthCheck.too_slow])
@given(
    call=st.sampled_from(CALLS),
    method=mostly(st.none(), st.sampled_from(ODD_METHODS)),
    brand=names("brand1"),
    campaign=names("default"),
    user=names("user1", "user2", "user3", "user4"),
    end=mostly(st.just(""), st.sampled_from(["/", "//", "\n", ".json", "\x00"])),
    query=mostly(st.just(""), st.sampled_from(ODD_QUERIES)),
    who=mostly(st.just("good"), st.sampled_from(sorted(TOKENS))),
    more=mostly(st.just([]), st.lists(st.sampled_from(ODD_FIELDS), max_size=2)),
)
def test_whatever_is_asked_both_ways_say_the_same(
    served, call, method, brand, campaign, user, end, query, who, more
):
    """Answers and log lines are the same byte by byte; the first call may reserve."""
    path = call[1].format(brand=brand, campaign=campaign, user=user) + end
    headers = [("Authorization", TOKENS[who]), *more]
    request = {"method": method or call[0], "path": path, "query": query, "headers": headers}
    ask(served, "fast path", **request)
    assert ask(served, "flask", **request) == ask(served, "fast path", **request)


@pytest.mark.parametrize("query", ["", *ODD_QUERIES])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_whatever_the_query_both_ways_say_the_same(served, method, path, query):
    path = path.format(brand="brand1", campaign="default", user="user1")
    request = {"method": method, "path": path, "query": query, "headers": [GOOD]}
    ask(served, "fast path", **request)
    assert ask(served, "flask", **request) == ask(served, "fast path", **request)


@pytest.mark.parametrize("place", ["brand", "campaign", "user"])
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_whatever_the_name_both_ways_say_the_same(served, place, name):
    usual = {"brand": "brand1", "campaign": "default", "user": "user1"}
    path = RESERVATION.format(**{**usual, place: name})
    request = {"method": "GET", "path": path, "headers": [GOOD]}
    assert ask(served, "flask", **request) == ask(served, "fast path", **request)


@pytest.mark.parametrize("who", TOKENS)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_both_ways_answer_the_same_for_all_callers(served, method, path, who):
    request = {
        "method": method,
        "path": path.format(brand="brand1", campaign="default", user="user1"),
        "headers": [("Authorization", TOKENS[who])],
    }
    ask(served, "fast path", **request)
    assert ask(served, "flask", **request) == ask(served, "fast path", **request)


@on_sqlite
@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("user", ["user1", "a b", "é", "😀"], ids=ascii)
def test_flask_hears_of_no_fast_path_call(app, client, auth, codes, method, path, user):
    """The fast path does not serve names beyond ASCII."""
    heard: list[Flask] = []
    note = heard.append
    request_started.connect(note, app)
    client.put(RESERVATION.format(brand="brand1", campaign="default", user=user), headers=auth)
    heard.clear()
    url = path.format(brand="brand1", campaign="default", user=quote(user))
    answer = client.open(url, method=method, headers=auth)
    assert 200 == answer.status_code
    assert ([] if user.isascii() else [app]) == heard


@on_sqlite
def test_the_fast_path_can_be_switched_off(settings, log):
    with application(replace(settings, fast_path=False), log) as app:
        heard: list[Flask] = []
        note = heard.append
        request_started.connect(note, app)
        app.test_client().get("/v1/discount/fetch/brand1/user1", headers=[GOOD])
    assert [app] == heard


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        (None, {}),
        (None, {"rate_limit": None, "rate_limit_storage_url": "redis://x"}),
        ("DISCOUNT_FAST_PATH", {"fast_path": False, "rate_limit_storage_url": "redis://x"}),
        ("DISCOUNT_RATE_LIMIT_STORAGE_URL", {"rate_limit_storage_url": "redis://x"}),
    ],
)
def test_the_setting_for_which_threads_answer_is_named(setting, given):
    assert setting == Settings(**given).fast_path_off_by
