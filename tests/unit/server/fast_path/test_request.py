"""Fast-path requests are parsed as gunicorn parses them, or left to it."""

from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.wsgi import create
from hypothesis import event, given
from hypothesis import strategies as st

from service.server.fast_path.request import MAX_HEAD, parse_request
from service.server.http.head import read_head

CONNECTION = SimpleNamespace(client=("10.1.2.3", 4567), server=("10.1.2.4", 5000))
FETCH = (
    b"GET /v1/discount/fetch/acme/u1 HTTP/1.1\r\nHost: discounts:5000\r\n"
    b"Authorization: Bearer a.b.c\r\nAccept: */*\r\n\r\n"
)
RESERVE = FETCH.replace(b"GET", b"PUT").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
GUNICORNS_OWN = {
    "gunicorn.socket",
    "wsgi.early_hints",
    "wsgi.errors",
    "wsgi.file_wrapper",
    "wsgi.input",
    "wsgi.multiprocess",
    "wsgi.multithread",
}


def read_by_gunicorn(held):
    """Return what gunicorn would tell the application, and whether the connection is kept.

    With all that `http/head.py` refuses beyond it.
    """
    config = Config()
    config.set("forwarded_allow_ips", "")
    config.set("forwarder_headers", "")
    request = read_head(held, config, CONNECTION.client)
    _, environ = create(request, None, CONNECTION.client, CONNECTION.server, config)
    assert request.new_body().ended
    return environ, not request.should_close()


def without(environ, names):
    return {name: value for name, value in environ.items() if name not in names}


@pytest.mark.parametrize(
    "held",
    [
        FETCH,
        RESERVE,
        FETCH.replace(b"Accept: */*", b"connection: Keep-Alive"),
        FETCH.replace(b"Accept: */*", b"x-request-id:  a b  c".replace(b":  ", b": ")),
    ],
)
def test_a_plain_request_is_read_as_gunicorn_reads_it(held):
    environ = parse_request(held, CONNECTION)
    theirs, kept = read_by_gunicorn(held)
    assert kept
    assert environ is not None
    assert without(theirs, GUNICORNS_OWN) == without(environ, GUNICORNS_OWN)
    assert theirs["wsgi.input"].read() == environ["wsgi.input"].read() == b""


NAMES = st.sampled_from(
    [
        *(
            "Host",
            "Authorization",
            "Accept",
            "Connection",
            "Content-Length",
            "Content-Type",
            "Expect",
        ),
        *("TE", "Upgrade", "Transfer-Encoding", "Trailer", "X_Y", "X-Y", "x-y", "Script_Name"),
        *("Forwarded", "X-Forwarded-Proto", "X-Forwarded-For", "Range", "HTTP2-Settings"),
    ]
) | st.text("abcXYZ-_09 :", max_size=6)
VALUES = st.sampled_from(
    [
        "h",
        "h:5000",
        "[::1]:80",
        "keep-alive",
        "close",
        "0",
        "5",
        "chunked",
        "",
        " ",
        "a\tb",
        "https",
    ]
) | st.text(max_size=8)
ENDS = st.sampled_from(["\r\n"] * 8 + ["\n"])
FIELDS = st.tuples(NAMES, st.sampled_from([": "] * 4 + [":", ":  "]), VALUES, ENDS).map("".join)
HEADS = st.tuples(
    st.sampled_from(["GET ", "PUT ", "GET ", "get ", "G T ", "GET  ", " GET "]),
    st.sampled_from(["/", "/v1/a/b", "//x", "/a;b=c", "/a%20b", "/a?b=c", "*", "http://h/a", "/ä"]),
    st.sampled_from([" HTTP/1.1\r\n"] * 5 + [" HTTP/1.0\r\n", " HTTP/2.0\r\n", " http/1.1\r\n"]),
    st.sampled_from(["Host: h\r\n"] * 5 + ["", "host: h:1\r\n", "Host: h,h\r\n", "Host: h h\r\n"]),
    st.lists(FIELDS, max_size=3).map("".join),
    st.sampled_from(["\r\n"] * 5 + ["", "\n"]),
    st.sampled_from([""] * 5 + ["x", "GET / HTTP/1.1\r\n\r\n"]),
).map(lambda parts: "".join(parts).encode("latin-1", "replace"))


@given(HEADS)
def test_nothing_is_read_in_another_way_than_gunicorn_reads_it(held):
    environ = parse_request(held, CONNECTION)
    event("plain" if environ else "left to gunicorn")
    if environ is not None:
        theirs, kept = read_by_gunicorn(held)
        assert kept
        assert without(theirs, GUNICORNS_OWN) == without(environ, GUNICORNS_OWN)


@given(st.binary(max_size=30), st.integers(0, len(FETCH)), st.integers(0, 20))
def test_a_request_with_any_bytes_in_it_is_read_as_gunicorn_reads_it(some, at, gone):
    held = FETCH[:at] + some + FETCH[at + gone :]
    environ = parse_request(held, CONNECTION)
    if environ is not None:
        theirs, kept = read_by_gunicorn(held)
        assert kept
        assert without(theirs, GUNICORNS_OWN) == without(environ, GUNICORNS_OWN)


@pytest.mark.parametrize(
    "held",
    [
        b"",
        FETCH[:-1],
        FETCH + b"G",
        FETCH + FETCH,
        FETCH.replace(b"HTTP/1.1", b"HTTP/1.0"),
        FETCH.replace(b"/acme/", b"/ac%20me/"),
        FETCH.replace(b"/u1 ", b"/u1?a=b "),
        FETCH.replace(b"/u1 ", b"/\xc3\xa4 "),
        FETCH.replace(b"Host: discounts:5000\r\n", b""),
        FETCH.replace(b"Accept", b"Host"),
        FETCH.replace(b"Accept: */*", b"Connection: close"),
        FETCH.replace(b"Accept: */*", b"Transfer-Encoding: chunked"),
        FETCH.replace(b"Accept: */*", b"Expect: 100-continue"),
        FETCH.replace(b"Accept: */*", b"Upgrade: h2c"),
        FETCH.replace(b"Accept: */*", b"Content-Length: 5"),
        FETCH.replace(b"Accept: */*", b"Accept: a\r\n b"),
        FETCH.replace(b"Accept: */*", b"Accept : a"),
        FETCH.replace(b"Accept: */*", b"Accept: a\rb"),
        FETCH.replace(b"Accept: */*", b"Ac_cept: a"),
        FETCH.replace(b"\r\n", b"\n"),
        FETCH.replace(b"*/*", b"a" * MAX_HEAD),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_not_quite_plain_is_left_to_gunicorn(held):
    assert parse_request(held, CONNECTION) is None
