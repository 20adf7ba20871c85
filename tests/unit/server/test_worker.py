"""The event loop of a worker: requests that are answered without the application."""

import threading
from types import SimpleNamespace

from service.api.problems.http_errors import RequestTimeout
from service.observability.exchange import EXCHANGE, Exchange, Pseudonyms, RequestRecord
from service.server.buffered_requests import BufferedRequests
from service.server.http.head import read_head
from service.server.http.receiving import BufferedRequest
from service.server.http.sending import Unsent
from service.server.refusing import known_environ
from tests.unit.server.loops import is_answered, turn


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
