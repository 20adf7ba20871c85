"""Targets and fields that identify a user: parsed exactly, or refused."""

import socket

import pytest
import requests

from tests.support.running import running
from tests.support.tokens import bearer

TOKEN = bearer()["Authorization"]
FETCH = "/v1/discount/fetch/brand1/room"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service in which `room` holds a code."""
    with running(tmp_path_factory.mktemp("service")) as running_service:
        requests.post(
            f"{running_service.url}/v1/discount/create",
            json={"brand": "brand1", "number_to_create": 100},
            headers=bearer(),
            timeout=10,
        ).raise_for_status()
        yield running_service


@pytest.fixture
def ask(service):
    """Send a request as it is; return the status and the rest of the answer."""

    def send(target, *fields, method="GET", version="1.1", host="Host: x"):
        head = [host] * bool(host) + [f"Authorization: {TOKEN}", "Connection: close", *fields]
        raw = "\r\n".join([f"{method} {target} HTTP/{version}", *head, "", ""])
        with socket.create_connection(("127.0.0.1", int(service.environment["PORT"])), 10) as one:
            one.sendall(raw.encode("latin-1"))
            received = b""
            while part := one.recv(65536):
                received += part
        return int(received.split(b" ")[1]), received.decode()

    return send


@pytest.mark.parametrize(
    "target",
    [
        *(f"{FETCH}#12", f"{FETCH}?campaign=default#", "/livez#", "#", f"{FETCH}%23#"),
        *(f"{FETCH}%", f"{FETCH}%z", f"{FETCH}%zz", f"{FETCH}%f", f"{FETCH}%%20", f"{FETCH}%u0041"),
        *(f"{FETCH}%ff", f"{FETCH}%c0%af", f"{FETCH}%ed%a0%80", f"{FETCH}\xe4", f"{FETCH}\xc3\xa4"),
        *(
            f"{FETCH} 12",
            f"{FETCH}\t",
            f"{FETCH}\x00",
            f"{FETCH}\x7f",
            f"{FETCH}%00",
            f"{FETCH}%0a",
        ),
        *(f"{FETCH}?campaign=default%zz", f"{FETCH}?campaign=default%", f"{FETCH}?campaign=%ff"),
        *(f"{FETCH}?campaign=default&campaign=default", f"{FETCH}?campaign=default&%63ampaign=x"),
        *(f"{FETCH}?campaign", f"{FETCH}?campaign=", f"{FETCH}?user=x", f"{FETCH}?campaign=a\xe4"),
        *("v1/discount/fetch/brand1/room", "x:/v1/brands", "ftp://x/livez", "http:///livez", "*"),
        *("http://user@x/livez", "http://x#/livez", "https:/livez"),
    ],
)
def test_what_is_not_exactly_one_target_is_refused(ask, target):
    status, answer = ask(target)
    assert 400 == status
    assert "application/problem+json" in answer
    assert "discount_code" not in answer


@pytest.mark.parametrize("between", ["%2F", "%2f"])
def test_an_encoded_slash_separates_nothing(ask, between):
    """`a%2Fb` is one invalid name, and not the user `b` of `a`."""
    status, answer = ask(f"/v1/discount/fetch/brand1{between}room")
    assert 404 == status
    assert "/problems/not-found" in answer


@pytest.mark.parametrize(
    "target", [f"/{FETCH}", f"//{FETCH}", "//livez", "//readyz", "//apidocs/", f"http://x/{FETCH}"]
)
def test_a_second_slash_is_not_passed_over(ask, target):
    status, answer = ask(target)
    assert 404 == status
    assert "/problems/not-found" in answer


@pytest.mark.parametrize("tail", [";x=1", "\\x", "%5Cx", "|", "%3B", "+", "%2B", "=", "%23"])
def test_what_looks_odd_is_a_name_of_its_own(ask, tail):
    """The answer is never `room`'s."""
    mine, theirs = ask(f"{FETCH}{tail}"), ask(FETCH)
    assert 200 == theirs[0]
    assert mine[0] in {200, 400}
    assert mine[1].partition("\r\n\r\n")[2] != theirs[1].partition("\r\n\r\n")[2]


@pytest.mark.parametrize(
    "target", [f"http://x{FETCH}", f"HTTP://x:80{FETCH}", f"{FETCH}?campaign=default"]
)
def test_other_good_forms_name_the_same(ask, target):
    status, answer = ask(target)
    assert 200 == status
    assert answer.partition("\r\n\r\n")[2] == ask(FETCH)[1].partition("\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        (f"/v1/brands?cursor={'a' * 9000}", (), 414),
        (f"/{'a' * 9000}", (), 414),
        (f"/{'a' * 70000}", (), 414),
        ("/livez", (f"X: {'a' * 9000}",), 431),
        ("/livez", (f"X: {'a' * 70000}",), 431),
        ("/livez", [f"X-{n}: a" for n in range(70)], 431),
        ("/livez", [f"X-{n}: {'a' * 1000}" for n in range(40)], 431),
    ],
)
def test_what_is_too_long_says_so(ask, target, fields, status):
    found, answer = ask(target, *fields)
    assert status == found
    assert "application/problem+json" in answer
    assert "X-Request-ID: " in answer


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"host": ""}, 400),
        ({"host": "", "version": "1.0"}, 200),
        ({"host": "Host:"}, 400),
        ({"host": "Host: a b"}, 400),
        ({"host": "Host: a/b"}, 400),
        ({"host": "Host: x@y"}, 400),
        ({"host": "Host: x\r\nHost: x"}, 400),
        ({"host": "Host: [::1]:80"}, 200),
        ({"host": "Host: discounts.example:5000"}, 200),
    ],
)
def test_the_host(ask, options, status):
    assert status == ask("/livez", **options)[0]
    assert status == ask(FETCH, **options)[0]


@pytest.mark.parametrize(
    "field",
    [
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Type: a/b\r\nContent-Type: a/b",
        "Idempotency-Key: a\r\nIdempotency-Key: a",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "X: a\r\n b",
        "X : a",
        "X: a\nY: b",
    ],
)
def test_fields_that_say_two_things_are_refused(ask, field):
    for method in ("GET", "POST"):
        status, answer = ask(FETCH, field, method=method)
        assert 400 == status
        assert "discount_code" not in answer
        assert 1 == answer.count("HTTP/1.1 ")


@pytest.mark.parametrize("field", [f"Authorization: {TOKEN}", "Authorization: Basic eA=="])
def test_two_of_authorization_are_no_token(ask, field):
    status, answer = ask(FETCH, field)
    assert 401 == status
    assert "discount_code" not in answer


def test_options_of_everything_is_answered(ask):
    assert ask("*", method="OPTIONS")[0] in {401, 404, 405}
