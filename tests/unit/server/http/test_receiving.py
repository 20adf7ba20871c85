"""Receiving: the state of an incomplete request, and refusals before it is complete."""

import time

import pytest
from gunicorn.config import Config
from hypothesis import given
from hypothesis import strategies as st

from service.api.problems.http_errors import HeadersTooLarge, UriTooLong
from service.domain.errors import InvalidRequest, ServiceError
from service.server.http.head import MAX_HEAD, read_head
from service.server.http.receiving import MAX_BODY, SMALL_BODY, BufferedRequest, ReceiveState

CONFIG = Config()
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nCONTENT-length:  5 \r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def feed(incoming, data):
    """Process received data as a worker does."""
    state = incoming.feed(data)
    if state is ReceiveState.HEAD_WHOLE:
        state = incoming.begin_body(read_head(incoming.head, CONFIG, ("10.0.0.1", 1)))
    return state


def state_of(*parts):
    incoming = BufferedRequest(0.0)
    return [feed(incoming, part) for part in parts][-1]


@pytest.mark.parametrize("request_", [GET, POST, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"])
def test_a_request_is_whole_with_its_last_byte_however_it_comes(request_):
    incoming = BufferedRequest(0.0)
    found = [feed(incoming, bytes([byte])) for byte in request_]
    assert ReceiveState.WHOLE is found.pop()
    assert set(found) <= {ReceiveState.HEAD_AWAITED, ReceiveState.BODY_AWAITED}
    assert state_of(request_) is ReceiveState.WHOLE


@pytest.mark.parametrize("request_", [GET, POST, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"])
def test_what_is_behind_a_request_is_kept_for_the_next(request_):
    incoming = BufferedRequest(0.0)
    assert feed(incoming, request_ + GET) is ReceiveState.WHOLE
    assert incoming.body is not None
    assert incoming.body.rest == GET


@pytest.mark.parametrize(
    ("sent", "beside"),
    [
        (GET[:-2], 0),
        (GET, 0),
        (GET + b"a" * 100, 100),
        (CHUNKED + b"5\r\nhello\r\n0\r\nX: trailer", len(b"hello" + b"X: trailer")),
        (CHUNKED + b"0\r\n\r\n" + GET, len(GET)),
    ],
    ids=["half a head", "a head", "the next request", "trailers", "behind chunks"],
)
def test_all_that_is_kept_of_a_request_counts(sent, beside):
    incoming = BufferedRequest(0.0)
    feed(incoming, sent)
    assert len(incoming.buffer) + 2 * len(incoming.head) + beside == incoming.size
    assert incoming.size >= len(sent) - len(b"5\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (SMALL_BODY + 1),
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        CHUNKED + b"%x\r\n" % (SMALL_BODY + 1),
    ],
)
def test_the_head_suffices_where_a_body_is_long_or_waits_to_be_asked_for(head):
    assert state_of(head) is ReceiveState.HEAD_SUFFICES


def test_a_body_that_is_wanted_is_collected_until_it_is_too_large_for_anybody():
    incoming = BufferedRequest(0.0)
    assert feed(incoming, CHUNKED + b"ffffff\r\n") is ReceiveState.HEAD_SUFFICES
    incoming.want_body(1.0)
    assert feed(incoming, b"a" * MAX_BODY) is ReceiveState.BODY_AWAITED
    assert feed(incoming, b"a") is ReceiveState.WHOLE
    assert incoming.is_whole


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([b"GET /" + b"a" * 9000], UriTooLong),
        ([b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], UriTooLong),
        ([b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaaaa\r\n" * (MAX_HEAD // 19)], HeadersTooLarge),
        ([b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n"], HeadersTooLarge),
        ([b"GET / HTTP/1.1\n"], InvalidRequest),
        ([b"GET / HTTP/1.1\r\nHost: x\r", b"\nX: y", b"\n"], InvalidRequest),
        ([b"GET / HTTP/1.1\r\nHost: x\r", b"\nX: y\r", b"\nX: y\n"], InvalidRequest),
        ([b"\n"], InvalidRequest),
    ],
)
def test_what_cannot_become_a_good_head_is_refused_at_once(parts, problem):
    with pytest.raises(problem):
        state_of(*parts)


def test_a_head_of_thousands_of_lines_costs_little():
    """Thousands of connections that each send such a head would occupy the event loop."""
    one = b"GET / HTTP/1.1\r\n"
    assert min(cost_of((one + b"X: a\r\n" * 2700)[:16_000]) for _ in range(5)) < 0.04


def cost_of(sent):
    """Return the seconds of processor time that a hundred such heads take."""
    began = time.thread_time()
    for _ in range(100):
        BufferedRequest(0.0).feed(sent)
    return time.thread_time() - began


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_any_bytes_are_progress_or_a_problem(parts):
    incoming = BufferedRequest(0.0)
    for part in parts:
        try:
            if feed(incoming, part) is ReceiveState.WHOLE:
                break
        except ServiceError:
            break


@pytest.mark.parametrize(
    ("seconds", "received", "late"),
    [(9, 0, False), (11, 0, True), (11, 1000, True), (11, 800_000, False), (60, 800_000, True)],
)
def test_a_body_may_take_long_if_it_comes_at_a_decent_pace(seconds, received, late):
    incoming = BufferedRequest(0.0)
    feed(incoming, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    incoming.received = received
    assert late == incoming.is_late(seconds, 10)


def test_a_head_may_not_take_long_at_all():
    incoming = BufferedRequest(0.0)
    incoming.feed(b"GET /")
    assert not incoming.is_late(10, 10)
    assert incoming.is_late(11, 10)
