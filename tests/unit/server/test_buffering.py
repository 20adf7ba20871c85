"""The event loop of a worker: incomplete requests, and who goes if there are too many."""

import math
import re
import socket
from contextlib import ExitStack

import orjson
import pytest

from service.server.buffered_requests import BufferedRequests
from tests.unit.server.loops import HALF_HEAD, ROOM, is_answered, turn


def test_where_all_heads_are_incomplete_the_oldest_is_refused_immediately(worker, connect):
    """Its place is free for the next: `nr_conns` at the limit would stop accepting."""
    clients = [connect(HALF_HEAD) for _ in range(3 * ROOM)]
    assert worker.nr_conns < ROOM
    for gone in clients[: 1 - ROOM]:
        received = gone.recv(4096)
        assert received.startswith(b"HTTP/1.1 503 ")
        assert gone.recv(1) == b""
    assert not any(map(is_answered, clients[1 - ROOM :]))


def test_lingering_connections_are_closed_before_active_ones(worker, connect):
    leaving = [connect(b"\n") for _ in range(ROOM - 2)]
    waits = connect(HALF_HEAD)
    connect(HALF_HEAD)
    assert all(client.recv(4096).startswith(b"HTTP/1.1 400 ") for client in leaving)
    assert not is_answered(waits)


def test_many_late_requests_are_refused_in_several_turns(worker, connect, monkeypatch):
    """Refusing thousands of them at once would hold up all other calls for a second."""
    monkeypatch.setattr("service.server.buffered_requests.MOST_LATE", 1)
    monkeypatch.setattr("service.server.buffering.REQUEST_TIMEOUT_S", 0.0)
    clients = [connect(HALF_HEAD) for _ in range(ROOM - 1)]
    worker.murder_pending()
    assert [True, False, False] == [is_answered(client) for client in clients]
    turn(worker)
    assert all(is_answered(client) for client in clients)


def test_of_a_new_client_only_a_little_is_read_before_the_next_is_read(worker, connect):
    """Nobody has to go for what others send: all of them are new."""
    worker.wsgi = alive
    worker._buffered = BufferedRequests(limit=ROOM * 4096)  # noqa: SLF001
    worker._turn_began -= 1  # noqa: SLF001
    address = worker.sockets[0].getsockname()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address, 5)) for _ in range(ROOM - 1)
        ]
        for client in clients[:-1]:
            client.sendall(HALF_HEAD + b"a" * 8000)
        clients[-1].sendall(b"GET /livez HTTP/1.0\r\nHost: x\r\n\r\n")
        worker.wait_for_and_dispatch_events(1)
        assert [False, False, True] == [is_answered(client) for client in clients]
        assert clients[-1].recv(4096).startswith(b"HTTP/1.1 200 ")


def alive(_environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []


def test_evicted_requests_are_logged_together(worker, connect):
    """There may be thousands in a second; their answers are whole nevertheless."""
    clients = [connect(HALF_HEAD) for _ in range(ROOM + 1)]
    answers = [client.recv(4096) for client in clients[:2]]
    ids = [re.findall(rb"\r\nX-Request-ID: ([0-9a-f]{32})\r\n", answer) for answer in answers]
    assert ids[0] != ids[1]
    for answer, (request_id,) in zip(answers, ids, strict=True):
        head, body = answer.split(b"\r\n\r\n")
        assert b"Content-Length: %d\r\n" % len(body) in head
        problem = orjson.loads(body)
        assert ("/problems/unavailable", 503) == (problem["type"], problem["status"])
        assert problem["request_id"].encode() == request_id
    assert [] == worker.log.lines
    worker.evictions.log(math.inf)
    (line,) = worker.log.lines
    assert {"event": "requests_evicted", "requests": 2, "peers": {"127.0.0.1": 2}} == line


@pytest.mark.parametrize("before", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_whole_request_does_not_wait_for_slow_clients(worker, connect, monkeypatch, before):
    """Thousands of them may have sent something: a turn of the loop handles some of it."""
    worker.wsgi = alive
    client = connect(before)
    assert len(before) == 0 or client.recv(4096).startswith(b"HTTP/1.1 200 ")
    slow = [connect(HALF_HEAD) for _ in range(ROOM - 2)]
    monkeypatch.setattr(worker._slow_events, "handle", lambda _: None)  # noqa: SLF001 - no time
    for each in slow:
        each.sendall(b": x\r\n\r\n")
    client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    turn(worker)
    assert is_answered(client)
    assert not any(map(is_answered, slow))
