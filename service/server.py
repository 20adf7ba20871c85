"""What the service changes about gunicorn: its log lines, and how workers receive, refuse, stop.

`config/gunicorn.conf.py` puts these in place; `docs/adr/0005-threads-get-whole-requests.md` says
what they mend.
"""

import logging
import struct
import time
from concurrent.futures import Executor, Future
from contextlib import suppress
from errno import ECONNRESET
from functools import cached_property, partial
from http import HTTPStatus
from select import select
from selectors import EVENT_READ
from socket import SHUT_WR, SO_LINGER, SOL_SOCKET, socket
from typing import TYPE_CHECKING, Any

import orjson
from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from service.accepting import AcceptPause
from service.api.problems import PROBLEM_JSON, problem_headers, problem_object
from service.app import parts_of
from service.domain.errors import (
    InternalError,
    InvalidRequest,
    Problem,
    RequestTimeout,
    Unavailable,
)
from service.observability.logging import route_stdlib_logging
from service.observability.requests import RequestRecord
from service.plain_calls import PlainCalls
from service.probe_calls import take_probe
from service.receiving import MAX_HELD, READ_WITHIN_S, Arrival, prepare
from service.settings import load_settings
from service.tasks import Tasks
from service.thread_queue import ThreadQueue

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class PipelineLogger(Logger):
    """Sends gunicorn's own messages down the service's log pipeline, and no access log."""

    def setup(self, cfg: Config) -> None:
        """Take gunicorn's handlers away; its messages reach the root's.

        Never below `info`: gunicorn's debug messages hold paths, and heads with their tokens.
        """
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = max(logging.INFO, self.LOG_LEVELS[cfg.loglevel])
        self.error_log.handlers = []
        self.error_log.propagate = True
        route_stdlib_logging(load_settings())
        self.error_log.setLevel(self.loglevel)


class ServiceWorker(ThreadWorker):
    """A worker that receives, refuses and stops as the service promises."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arriving: dict[TConn, Arrival] = {}
        self._leaving: dict[TConn, float] = {}
        """Both in the order in which they began, and so in that in which they end."""
        self._plain: PlainCalls | None = None

    def accept(self, listener: socket) -> None:
        """Accept a connection; where the system refuses, accept nobody for a moment."""
        try:
            super().accept(listener)
        except OSError as error:
            self._pause.begin(error)
            super().set_accept_enabled(False)

    @cached_property
    def _pause(self) -> AcceptPause:
        parts = parts_of(self.wsgi)
        return AcceptPause(parts.log, parts.metrics.accept_failed)

    def get_thread_pool(self) -> Executor:
        """Make the threads, and the queue before them."""
        threads: Executor = super().get_thread_pool()
        self._queue = ThreadQueue(
            threads,
            self.handle,
            lambda conn, done: self.method_queue.defer(self.finish_request, conn, done),
            lambda conn: self._refuse(conn.sock, Unavailable(), {}),
        )
        return threads

    def answer_plain_calls(self) -> None:
        """From now on, answer plain calls in the event loop; threads do all else."""
        tasks = Tasks(self.method_queue.defer)
        self._plain = PlainCalls(self, tasks, parts_of(self.wsgi).express.looks_plain)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, and see to plain calls and to who waits for a thread."""
        timeout = self._queue.patience(timeout)
        if self._plain is None:
            super().wait_for_and_dispatch_events(timeout)
        else:
            super().wait_for_and_dispatch_events(self._plain.patience(timeout))
            self._plain.go_on()
        self._queue.expire()

    def is_parent_alive(self) -> bool:
        """Stop when the master is gone: whoever starts another needs the port.

        gunicorn would go on to serve kept connections for its whole graceful time-out.
        """
        alive: bool = super().is_parent_alive()
        if not alive:
            self.alive = False
        return alive

    def enqueue_req(self, conn: TConn) -> None:
        """Wait, in the event loop, until the next request of a connection is whole."""
        if not conn.initialized:
            prepare(conn)
        conn.sock.setblocking(False)  # noqa: FBT003 - the socket's signature
        arrival = Arrival(conn.parser.unreader.take_buffered())
        if arrival.take_from(conn.sock):
            self._hand_over(conn, arrival)
        else:
            self._arriving[conn] = arrival
            self.poller.register(conn.sock, EVENT_READ, partial(self._go_on, conn, arrival))

    def _go_on(self, conn: TConn, arrival: Arrival, _socket: socket) -> None:
        if arrival.take_from(conn.sock):
            del self._arriving[conn]
            self.poller.unregister(conn.sock)
            self._hand_over(conn, arrival)

    def _hand_over(self, conn: TConn, arrival: Arrival) -> None:
        """Have a request answered; a client that left without a word sent none."""
        held = bytes(arrival.held)
        if not held:
            self._drop(conn)
        elif take_probe(self, conn, held):
            return
        elif self._plain is None or not self._plain.take(conn, held):
            self.give_to_thread(conn, held)

    def give_to_thread(self, conn: TConn, held: bytes) -> None:
        """Have a thread answer a request, of which `held` has arrived."""
        conn.parser.unreader.chunk.begin()
        conn.parser.unreader.unread(held)
        self._queue.put(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Answer a request; reset the connection if the answer could not be sent whole.

        Before HTTP/1.1, the end of the connection is the end of the answer: one that was cut must
        not look whole. While draining, the client is told to come back on another connection:
        else it might use this one to the end, and send a call when it is just being closed.

        Raises:
            ConnectionResetError: The answer was cut; its log line says so.
        """
        if parts_of(self.wsgi).drain.begun:
            req.force_close()
        try:
            return bool(super().handle_request(req, conn))
        except OSError as error:
            if error.__cause__ is not None:
                self.log.exception("the source of an answer failed", exc_info=error.__cause__)
            _reset(conn.sock)
            raise ConnectionResetError(ECONNRESET, "The answer was cut.") from error

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Keep a connection, or close it without waiting for its client.

        gunicorn waits in the event loop, for seconds, for a client to stop sending; meanwhile
        nobody else is served.
        """
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self.leave(conn)

    def may_keep(self) -> bool:
        """Say whether a connection may stay open once it is answered."""
        return (
            self.alive
            and len(self.keepalived_conns) < self.max_keepalived
            and not parts_of(self.wsgi).drain.begun
        )

    def keep(self, conn: TConn) -> None:
        """Wait for the next request of a connection, as gunicorn does."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        readable = partial(self.on_client_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def cut(self, conn: TConn) -> None:
        """End a connection that did not take its answer."""
        _reset(conn.sock)
        self._drop(conn)

    def leave(self, conn: TConn) -> None:
        """Say goodbye, and discard what still comes.

        Closing at once would cut the answer off (RFC 9112, section 9.6).
        """
        try:
            conn.sock.shutdown(SHUT_WR)
            conn.sock.setblocking(False)  # noqa: FBT003 - the socket's signature
            self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):
            self._drop(conn)
        else:
            self._leaving[conn] = time.monotonic() + STOP_KEEPALIVE_LINGER

    def _discard(self, conn: TConn, _socket: socket) -> None:
        try:
            ended = not conn.sock.recv(MAX_HELD)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            del self._leaving[conn]
            self.poller.unregister(conn.sock)
            self._drop(conn)

    def _drop(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close the connections whose request, or whose end, has not come in time."""
        super().murder_pending()
        now = time.monotonic()
        patience = READ_WITHIN_S - STOP_KEEPALIVE_LINGER if not self.alive else 0
        while (conn := next(iter(self._arriving), None)) is not None:
            if self._arriving[conn].expires > now + patience:
                break
            begun = self._arriving.pop(conn).held
            self.poller.unregister(conn.sock)
            if begun:
                self._refuse(conn.sock, RequestTimeout(), {})
                self.leave(conn)
            else:
                self._drop(conn)
        while (conn := next(iter(self._leaving), None)) is not None:
            if self._leaving[conn] > now:
                break
            del self._leaving[conn]
            self.poller.unregister(conn.sock)
            self._drop(conn)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:  # noqa: FBT001
        """Keep a connection only if its body was read, or has come: nobody waits for the rest.

        No clock is asked: on a busy machine, it would end connections that are good.
        """
        try:
            conn.sock.setblocking(False)  # noqa: FBT003 - the socket's signature
            return bool(keepalive and conn.parser.finish_body(max_bytes=MAX_HELD))
        except OSError:
            return False

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - the base's signature
        """Once stopping, take what the kernel has accepted for us, and listen no more.

        gunicorn would keep listening while it finishes: connections that nobody will accept
        would hang, and be reset in the end.
        """
        if enabled and self._pause.lasts:
            return
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                while not self._pause.lasts and select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be read, or that failed outside the application.

        With a problem, as everything else: gunicorn's own page would repeat what it could not
        read, and its log line the path.
        """
        if isinstance(exc, ParseException):
            problem: Problem = InvalidRequest(
                detail="The request is not well-formed HTTP, or too long."
            )
        else:
            problem = InternalError()
            self.log.error("a request failed outside the application", exc_info=exc)
        self._refuse(client, problem, {})

    def refuse(self, conn: TConn, problem: Problem, environ: "WSGIEnvironment") -> None:
        """Answer a request that is not begun, and end its connection."""
        self._refuse(conn.sock, problem, environ)
        self.leave(conn)

    def _refuse(self, client: socket, problem: Problem, environ: "WSGIEnvironment") -> None:
        """Answer a request that the application does not see; count and log it all the same."""
        observer = parts_of(self.wsgi).observer
        record = observer.record(environ)
        record.problem = problem.slug
        observer.tell(environ.get("REQUEST_METHOD", "other"), problem.status, 0.0, record)
        with suppress(OSError):  # the client may have left
            util.write_nonblock(client, _response(problem, record))


def _reset(client: socket) -> None:
    """End a connection so that a part of an answer does not look like the whole."""
    with suppress(OSError):
        client.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def _response(problem: Problem, record: RequestRecord) -> bytes:
    body = orjson.dumps(problem_object(problem, "/", record.request_id))
    headers = [
        ("Content-Type", PROBLEM_JSON),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
        *problem_headers(problem).items(),
        *record.answer_headers(),
    ]
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
