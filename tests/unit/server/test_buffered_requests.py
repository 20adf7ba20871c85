"""The order of eviction: the oldest incomplete request goes first."""

import time

from gunicorn.config import Config

from service.server.buffered_requests import BufferedRequests
from service.server.http.head import read_head
from service.server.http.receiving import BufferedRequest

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"


def buffer_request(buffered, name, data, begun=0.0):
    incoming = BufferedRequest(begun)
    incoming.feed(data)
    if incoming.head:
        incoming.begin_body(read_head(incoming.head, Config(), ("10.0.0.1", 1)))
    buffered.measure(incoming)
    buffered.add(name, incoming)
    return incoming


def is_over(buffered):
    """Query again each time, as mypy does not expect a property to change."""
    return buffered.over_limit


def test_the_oldest_without_a_head_goes_before_those_with_one():
    buffered = BufferedRequests()
    buffer_request(buffered, "body", HEAD + b"a" * 100)
    buffer_request(buffered, "older", b"GET /", begun=1.0)
    buffer_request(buffered, "newer", b"GET /", begun=2.0)
    assert "older" == buffered.oldest_without_head()
    assert "body" == buffered.oldest()


def test_memory_is_counted_until_a_request_is_answered():
    buffered = BufferedRequests(limit=250)
    buffer_request(buffered, "nothing yet", b"")
    first = buffer_request(buffered, "first", HEAD + b"a" * 100)
    assert not is_over(buffered)
    second = buffer_request(buffered, "second", b"GET /" + b"a" * 100, begun=1.0)
    assert is_over(buffered)
    assert "first" == buffered.oldest()
    buffered.remove("first")
    assert is_over(buffered), "it waits for a thread"
    buffered.release(first)
    buffered.release(first)
    assert not buffered.over_limit
    buffered.release(second)
    assert not BufferedRequests(limit=0).over_limit


def test_whole_heads_take_memory_and_so_their_connections_go():
    buffered = BufferedRequests(limit=10 * len(HEAD))
    for number in range(6):
        buffer_request(buffered, number, HEAD)
    assert buffered.over_limit
    assert 0 == buffered.oldest()


def test_those_that_are_late_are_found():
    buffered = BufferedRequests()
    buffer_request(buffered, "late", b"GET /", begun=1.0)
    buffer_request(buffered, "in time", b"GET /", begun=8.0)
    assert ["late"] == buffered.late(12.0, 10.0)


def test_a_request_of_which_more_arrives_becomes_no_newer():
    """Otherwise whoever sends a byte now and then would stay longer than all others."""
    buffered = BufferedRequests()
    older = buffer_request(buffered, "older", b"GET", begun=1.0)
    buffer_request(buffered, "newer", b"GET", begun=2.0)
    older.feed(b" ")
    buffered.add("older", older)
    assert ("older", "older") == (buffered.oldest_without_head(), buffered.oldest())
    older.feed(b"/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    older.begin_body(read_head(older.head, Config(), ("10.0.0.1", 1)))
    buffered.add("older", older)
    assert ("newer", "older") == (buffered.oldest_without_head(), buffered.oldest())


def test_thousands_of_others_do_not_slow_an_eviction_down():
    """They may have sent nothing yet, or heads, of which none goes before the oldest."""
    buffered = BufferedRequests()
    for number in range(5000):
        buffered.add(("silent", number), BufferedRequest(0.0))
    body = buffer_request(buffered, "body", HEAD)
    for number in range(5000):
        buffered.add(("body", number), body)
    buffer_request(buffered, "head", b"GET /", begun=1.0)
    began = time.thread_time()
    for _ in range(100):
        assert "body" == buffered.oldest()
        assert ("silent", 0) == buffered.oldest_without_head()
    assert time.thread_time() - began < 0.02
