"""Who goes first when there is no room: whoever has sent no whole request for longest."""

from gunicorn.config import Config

from service.server.arrivals import Arrivals, IdleConnections
from service.server.http.head import read_head
from service.server.http.receiving import Incoming

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"


def arriving(arrivals, name, data, begun=0.0):
    incoming = Incoming(begun)
    arrivals.add(name, incoming)
    incoming.feed(data)
    if incoming.head:
        incoming.begin_body(read_head(incoming.head, Config(), ("10.0.0.1", 1)))
    arrivals.measure(incoming)
    return incoming


def is_over(arrivals):
    """Ask anew each time, which mypy does not expect of a property."""
    return arrivals.over_limit


def test_the_oldest_without_a_head_goes_before_those_with_one():
    arrivals = Arrivals()
    arriving(arrivals, "body", HEAD + b"a" * 100)
    arriving(arrivals, "older", b"GET /")
    arriving(arrivals, "newer", b"GET /")
    assert "older" == arrivals.oldest_without_head()
    assert "body" == arrivals.oldest()


def test_memory_is_counted_until_a_request_is_answered():
    arrivals = Arrivals(limit=250)
    arriving(arrivals, "nothing yet", b"")
    first = arriving(arrivals, "first", HEAD + b"a" * 100)
    assert not is_over(arrivals)
    second = arriving(arrivals, "second", b"GET /" + b"a" * 100)
    assert is_over(arrivals)
    assert "first" == arrivals.oldest()
    arrivals.remove("first")
    assert is_over(arrivals), "it waits for a thread"
    arrivals.release(first)
    arrivals.release(first)
    assert not arrivals.over_limit
    arrivals.release(second)
    assert not Arrivals(limit=0).over_limit


def test_whole_heads_take_memory_and_so_their_connections_go():
    arrivals = Arrivals(limit=10 * len(HEAD))
    for number in range(6):
        arriving(arrivals, number, HEAD)
    assert arrivals.over_limit
    assert 0 == arrivals.oldest()


def test_those_that_are_late_are_found():
    arrivals = Arrivals()
    arriving(arrivals, "late", b"GET /", begun=1.0)
    arriving(arrivals, "in time", b"GET /", begun=8.0)
    assert ["late"] == arrivals.late(12.0, 10.0)


def test_idle_connections_leave_in_any_order():
    idle = IdleConnections()
    for name in "abc":
        idle.append(name)
    idle.remove("b")
    assert (["a", "c"], 2, "a") == (list(idle), len(idle), idle[0])
    assert ["a", "c"] == [idle.popleft(), idle.popleft()]
    assert not idle
