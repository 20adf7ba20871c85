"""The event loop of a worker: the connections that end when there are too many."""

import errno
import math
import os
import re
import socket
import threading
import time
from contextlib import ExitStack
from select import select
from selectors import EVENT_READ, DefaultSelector
from types import SimpleNamespace

import orjson
import pytest
from gunicorn.config import Config

from service.api.problems.http_errors import RequestTimeout
from service.observability.exchange import EXCHANGE, Exchange, Pseudonyms, RequestRecord
from service.observability.request_log import RequestLog
from service.server.accepting import AcceptPause
from service.server.buffered_requests import BufferedRequests
from service.server.fast_path.calls import FastPathCalls
from service.server.fast_path.tasks import TaskScheduler
from service.server.http.head import read_head
from service.server.http.receiving import BufferedRequest
from service.server.http.sending import Unsent
from service.server.refusing import known_environ
from service.server.worker import ServiceWorker

ROOM = 4
HALF_HEAD = b"GET /livez HTTP/1.1\r\nHost"


class Log:
    """A log that keeps its lines."""

    def __init__(self):
        self.lines = []

    def info(self, event, **fields):
        self.lines.append({"event": event, **fields})

    error = warning = info


@pytest.fixture(params=[False, True], ids=["threads", "fast path"])
def worker(monkeypatch, request):
    """A listening worker with room for a few connections."""
    cfg = Config()
    cfg.set("worker_connections", ROOM)
    cfg.set("threads", 1)
    log = Log()
    metrics = SimpleNamespace(request=lambda *_: None)
    requests = RequestLog(Pseudonyms(lambda: b""), metrics, log)  # type: ignore[arg-type]
    services = SimpleNamespace(
        requests=requests,
        log=log,
        drain=SimpleNamespace(begun=False),
        problems=SimpleNamespace(report=lambda error, _record: log.error("failed", exc_info=error)),
    )
    monkeypatch.setattr("service.server.accepting.services_of", lambda _: services)
    with socket.create_server(("127.0.0.1", 0)) as listener, DefaultSelector() as poller:
        made = ServiceWorker(1, os.getppid(), [listener], None, 30, cfg, log)
        made.wsgi = None
        made._separate = SimpleNamespace(for_request=lambda _: None)  # type: ignore[assignment]  # noqa: SLF001
        made.poller = poller
        made._pause = AcceptPause(log, lambda: None)  # type: ignore[arg-type]  # noqa: SLF001
        made.method_queue.init()
        callbacks = made.method_queue.run_callbacks
        poller.register(made.method_queue.fileno(), EVENT_READ, callbacks)
        made.tpool = made.get_thread_pool()
        if request.param:
            tasks = TaskScheduler(made.method_queue.defer)
            made._fast_path = FastPathCalls(made, tasks, lambda _: True)  # noqa: SLF001
        made.set_accept_enabled(True)
        yield made
        while made.make_room():
            pass
        made.tpool.shutdown()
        made.method_queue.close()
        made.tmp.close()


@pytest.fixture
def connect(worker):
    """Connect a client, send data, and let the worker process it."""
    with ExitStack() as stack:

        def connect(sent=b""):
            client = socket.create_connection(worker.sockets[0].getsockname(), 5)
            stack.enter_context(client).sendall(sent)
            turn(worker)
            return client

        yield connect


def turn(worker):
    for _ in range(3):
        worker.wait_for_and_dispatch_events(0.01)


def is_answered(client):
    """Return whether a client has got an answer, or the end of the connection."""
    return bool(select([client], [], [], 0)[0])


@pytest.mark.parametrize("closed", [False, True])
def test_who_was_ended_in_a_batch_of_events_is_not_called_anymore(worker, closed):
    """Both have sent data; the handler that runs first closes the other."""
    called = []
    with ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(2)]

        def end_the_other(ours):
            called.append(ours)
            (other,) = {pair[0] for pair in pairs} - {ours}
            worker.poller.unregister(other)
            if closed:
                other.close()

        for ours, theirs in pairs:
            theirs.send(b"x")
            worker.poller.register(ours, EVENT_READ, end_the_other)
        worker.wait_for_and_dispatch_events(1)
    assert 1 == len(called)


def test_who_got_the_descriptor_of_somebody_ended_is_not_called_for_him(worker):
    called = []
    with ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(2)]

        def replace_the_other(ours):
            called.append(ours)
            (other,) = {pair[0] for pair in pairs} - {ours}
            worker.poller.unregister(other)
            worker.poller.register(other, EVENT_READ, called.append)

        for ours, theirs in pairs:
            theirs.send(b"x")
            worker.poller.register(ours, EVENT_READ, replace_the_other)
        worker.wait_for_and_dispatch_events(1)
    assert 1 == len(called)


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


def test_listeners_that_are_closed_already_are_let_be(worker):
    """SIGTERM may arrive just before the loop stops accepting at its limit."""
    worker.alive = False
    worker.set_accept_enabled(False)
    worker.set_accept_enabled(False)
    worker.set_accept_enabled(True)
    assert -1 == worker.sockets[0].fileno()


def test_a_missing_body_is_logged_with_the_record_that_was_begun(worker):
    """The answer has the earlier request id, and the earlier span ends."""
    incoming = BufferedRequest(0.0)
    incoming.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    incoming.begin_body(read_head(incoming.head, worker.cfg, ("10.0.0.1", 1)))
    record = RequestRecord({}, Pseudonyms(lambda: b""))
    incoming.kept = {EXCHANGE: Exchange(record)}
    worker.refuse(socket_of(worker), RequestTimeout(), known_environ(incoming))
    assert record.request_id == worker.log.lines[-1]["request_id"]
    line = worker.log.lines[-1]
    assert ("POST", "192.0.2.7") == (line["method"], line["peer"])


def test_a_failure_outside_the_application_answers_the_request_that_it_was(worker, connect):
    """HEAD gets no body, and the caller's request id."""

    def fail(*_):
        raise ZeroDivisionError

    worker.wsgi = fail
    client = connect(b"HEAD /livez HTTP/1.0\r\nHost: x\r\nX-Request-ID: mine\r\n\r\n")
    received = client.recv(4096)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert received.endswith(b"\r\n\r\n")
    assert b"\r\nX-Request-ID: mine\r\n" in received
    (failed,) = [line for line in worker.log.lines if line["event"] == "failed"]
    assert isinstance(failed["exc_info"], ZeroDivisionError)
    assert b"\r\nDate: " in received  # RFC 9110, section 6.6.1


def socket_of(worker):
    """Return a connection that accepts all data, and then breaks."""
    worker.nr_conns += 1
    client = SimpleNamespace(send=len, shutdown=lambda _: (_ for _ in ()).throw(OSError()))
    address = ("192.0.2.7", 1)
    return SimpleNamespace(sock=client, client=address, rest=b"", close=lambda: None)


def test_requests_behind_an_answer_that_is_not_taken_count_as_its_memory(worker, connect):
    added = []
    worker.pending = SimpleNamespace(add=lambda _conn, unsent, **_: added.append(unsent.memory))
    conn = SimpleNamespace(rest=b"GET /")
    worker.finish_sending(conn, Unsent([memoryview(b"left")], 4), keep=True)
    conn.sock = SimpleNamespace(send=lambda _: 2)
    worker.deliver(conn, b"answer", keep=True)
    del worker.pending
    assert [4 + 5, 4 + 5] == added


def test_a_file_that_is_missing_costs_one_connection(worker, connect, monkeypatch):
    """A lingering or an idle connection is closed, and no request is refused for that."""
    waits = connect(HALF_HEAD)
    connect(b"\n")
    full = OSError(errno.EMFILE, "Too many open files")
    listener = SimpleNamespace(accept=lambda: (_ for _ in ()).throw(full))
    before = worker.nr_conns
    worker.accept(listener)
    assert before - 1 == worker.nr_conns
    assert not is_answered(waits)


def test_whole_requests_that_take_too_much_memory_are_refused_before_others_begin(worker, connect):
    """Complete requests wait for the only thread: no incomplete one could be dropped."""
    may_answer = threading.Event()

    def answer(_environ, start_response):
        assert may_answer.wait(20)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    worker.wsgi = answer
    worker._fast_path = None  # noqa: SLF001 - it has a budget of its own
    head = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"
    worker._buffered = BufferedRequests(limit=5 * len(head))  # noqa: SLF001
    first, second, third = (connect(head) for _ in range(3))
    assert second.recv(4096).startswith(b"HTTP/1.1 503 ")
    assert not is_answered(first)
    assert not is_answered(third)
    may_answer.set()
    for client in (first, third):
        while not is_answered(client):
            turn(worker)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    for client in (first, second, third):
        client.close()
    while worker.nr_conns:
        turn(worker)


def test_many_late_requests_are_refused_in_several_turns(worker, connect, monkeypatch):
    """Refusing thousands of them at once would hold up all other calls for a second."""
    monkeypatch.setattr("service.server.buffered_requests.MOST_LATE", 1)
    monkeypatch.setattr("service.server.buffering.REQUEST_TIMEOUT_S", 0.0)
    clients = [connect(HALF_HEAD) for _ in range(ROOM - 1)]
    worker.murder_pending()
    assert [True, False, False] == [is_answered(client) for client in clients]
    turn(worker)
    assert all(is_answered(client) for client in clients)


def test_accepting_ends_after_a_moment_however_many_wait(worker, monkeypatch):
    """A turn that took long because of that would otherwise make the next one longer."""
    waiting = iter(range(1000))

    def accept_one(_):
        time.sleep(0.002)
        return next(waiting) < 999

    monkeypatch.setattr(worker, "_accept_one", accept_one)
    worker._turn_began -= 3600  # noqa: SLF001
    worker.wait_for_and_dispatch_events(0)
    worker.accept(SimpleNamespace())
    assert 1 < next(waiting) < 100


def test_of_a_new_client_only_a_little_is_read_before_the_next_is_accepted(worker, connect):
    """Nobody has to go for what others send: all of them are new."""
    worker.wsgi = alive
    worker._buffered = BufferedRequests(limit=ROOM * 4096)  # noqa: SLF001
    worker._turn_began -= 1  # noqa: SLF001
    worker.wait_for_and_dispatch_events(0)
    address = worker.sockets[0].getsockname()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address, 5)) for _ in range(ROOM - 1)
        ]
        for client in clients[:-1]:
            client.sendall(HALF_HEAD + b"a" * 8000)
        clients[-1].sendall(b"GET /livez HTTP/1.0\r\nHost: x\r\n\r\n")
        worker.accept(worker.sockets[0])
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
