"""Fast-path calls are answered in turn, and each connection is kept or closed."""

import math
import socket
import time
from types import SimpleNamespace

import pytest

from service.domain.errors import Unavailable
from service.server.fast_path import calls as fast_path_calls
from service.server.fast_path.calls import FastPathCalls
from service.server.fast_path.tasks import TaskScheduler, TaskSignals
from service.store.signals import Signal
from service.usecases import deadlines

HEAD = b"GET /fetch HTTP/1.1\r\nHost: x\r\n\r\n"


class LoopWorker:
    """A worker that records the outcomes of connections by name."""

    def __init__(self):
        self.outcomes = []
        self.body = b"code"
        self.stays = True

    def wsgi(self, _environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(self.body)))])
        return [self.body]

    def may_keep(self):
        return self.stays

    def deliver(self, conn, answer, *, keep):
        conn.sock.send(answer)
        self.outcomes.append(("keep" if keep else "leave", conn))

    def refuse(self, conn, problem, environ):
        self.outcomes.append(("refuse", conn, type(problem), environ["PATH_INFO"]))

    def fail(self, conn, error, environ):
        self.outcomes.append((type(error).__name__, conn, environ["PATH_INFO"]))


@pytest.fixture
def worker():
    return LoopWorker()


@pytest.fixture
def calls(worker):
    return FastPathCalls(
        worker, TaskScheduler(lambda call: call()), lambda held: held.startswith(b"GET")
    )


@pytest.fixture
def client():
    """The client's end of a connection; `client.conn` is the worker's."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        address = ("127.0.0.1", 1)
        conn = SimpleNamespace(sock=ours, client=address, server=address)
        yield SimpleNamespace(sock=theirs, conn=conn)


def test_a_call_is_answered_and_its_connection_kept(calls, worker, client):
    assert calls.take(client.conn, HEAD)
    assert [] == worker.outcomes
    calls.run_pending()
    assert client.sock.recv(4096).endswith(b"\r\n\r\ncode")
    assert [("keep", client.conn)] == worker.outcomes


def test_a_connection_that_may_not_be_kept_is_left(calls, worker, client):
    worker.stays = False
    calls.take(client.conn, HEAD)
    calls.run_pending()
    assert b"\r\nConnection: close\r\n" in client.sock.recv(4096)
    assert [("leave", client.conn)] == worker.outcomes


def test_a_failure_outside_the_application_is_reported(calls, worker, client):
    worker.wsgi = lambda _environ, _start_response: 1 / 0
    calls.take(client.conn, HEAD)
    calls.run_pending()
    assert [("ZeroDivisionError", client.conn, "/fetch")] == worker.outcomes


@pytest.mark.parametrize("held", [b"PUT" + HEAD[3:], HEAD[:-2], HEAD + HEAD])
def test_what_is_no_fast_path_call_is_not_taken(calls, worker, client, held):
    assert not calls.take(client.conn, held)
    calls.run_pending()
    assert [] == worker.outcomes


def test_one_that_waits_holds_up_no_other(calls, worker, client):
    """A waiting call continues when it is woken, and the answer goes to its client."""
    waiting: list[Signal] = []
    app = worker.wsgi

    def wait_first(environ, start_response):
        if not waiting:
            waiting.append(TaskSignals().new())
            assert waiting[0].wait(20)
        return app(environ, start_response)

    worker.wsgi = wait_first
    calls.take(client.conn, HEAD)
    arrived = calls.unanswered()[1]
    assert (1, True) == (calls.unanswered()[0], arrived <= time.monotonic())
    other_ours, other = socket.socketpair()
    with other_ours, other:
        address = ("127.0.0.1", 2)
        calls.take(SimpleNamespace(sock=other_ours, client=address, server=address), HEAD)
        calls.run_pending()
        assert other.recv(4096).endswith(b"code")
    with pytest.raises(BlockingIOError):
        client.sock.recv(1, socket.MSG_DONTWAIT)
    assert (1, arrived) == calls.unanswered()
    waiting[0].set()
    assert client.sock.recv(4096).endswith(b"code")
    assert (0, math.inf) == calls.unanswered()


def test_one_that_has_waited_for_too_long_is_refused_and_not_begun(
    calls, worker, client, monkeypatch
):
    monkeypatch.setattr(deadlines, "ANSWER_TIMEOUT_S", 0)
    calls.take(client.conn, HEAD)
    assert 0 == calls.poll_timeout(1)
    calls.run_pending()
    assert [("refuse", client.conn, Unavailable, "/fetch")] == worker.outcomes


def test_behind_as_many_as_may_begin_the_loop_wakes_in_time_to_refuse(
    calls, worker, client, monkeypatch
):
    monkeypatch.setattr(fast_path_calls, "MAX_RUNNING", 0)
    monkeypatch.setattr(deadlines, "ANSWER_TIMEOUT_S", 0.05)
    calls.take(client.conn, HEAD)
    calls.run_pending()
    assert [] == worker.outcomes
    assert 0 < calls.poll_timeout(1) <= 0.05
    time.sleep(calls.poll_timeout(1))
    calls.run_pending()
    assert [("refuse", client.conn, Unavailable, "/fetch")] == worker.outcomes


def test_where_those_that_wait_take_too_much_memory_the_oldest_is_refused(worker, client):
    calls = FastPathCalls(
        worker,
        TaskScheduler(lambda call: call()),
        lambda _: True,
        limit=2 * (fast_path_calls.CALL_OVERHEAD_BYTES + 2 * len(HEAD)),
    )
    for number in range(4):
        head = HEAD.replace(b"/fetch", b"/fetc%d" % number)
        assert calls.take(client.conn, head)
    refused = [("refuse", client.conn, Unavailable, f"/fetc{number}") for number in range(2)]
    assert refused == worker.outcomes
    calls.run_pending()
    assert [*refused, *2 * [("keep", client.conn)]] == worker.outcomes
    for _ in range(2):
        calls.take(client.conn, HEAD)
    assert 4 == len(worker.outcomes), "answered calls take none"
