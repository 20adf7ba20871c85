"""The service's gunicorn worker: how it receives, answers and stops (ADR 5)."""

import time
from concurrent.futures import Executor, Future
from functools import partial
from selectors import EVENT_READ
from socket import socket
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn

from service.api.problems.http_errors import RequestTimeout
from service.domain.errors import InternalError, ServiceError, Unavailable
from service.observability.exchange import EXCHANGE, BodyAwaited
from service.server.answering import AnswerCutError, Outcome, answer_request
from service.server.buffered_requests import BufferedRequests
from service.server.connections import ConnectionWorker
from service.server.fast_path.entry import FastPathCalls, fast_path_calls
from service.server.fast_path.request import MAX_HEAD
from service.server.http.body import ends_too_soon
from service.server.http.head import read_head
from service.server.http.receiving import REQUEST_TIMEOUT_S, BufferedRequest, ReceiveState
from service.server.http.streaming import CONTINUE
from service.server.probe_calls import take_probe
from service.server.refusing import known_environ, refusal
from service.server.separate_threads import SeparateThreads, shared_threads
from service.server.thread_queue import ThreadQueue

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TO_ANSWER = {ReceiveState.HEAD_SUFFICES, ReceiveState.WHOLE}


class ServiceWorker(ConnectionWorker):
    """A worker whose event loop reads and writes, and whose threads answer (ADR 5)."""

    _separate: SeparateThreads

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._buffered = BufferedRequests()
        self._fast_path: FastPathCalls | None = None

    def get_thread_pool(self) -> Executor:
        """Return the threads, and make their queue."""
        threads = shared_threads(self.cfg.threads)
        self._queue = ThreadQueue(
            threads,
            self._answer,
            lambda conn, done: self.method_queue.defer(self._answered, conn, done),
            self._refuse_expired,
        )
        return threads

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        self._separate = SeparateThreads(self.wsgi, self.services.transfers.places)

    def open_fast_path(self) -> None:
        """Answer fast-path calls in the event loop from now on, if the settings allow that."""
        self._fast_path = fast_path_calls(self)

    def unanswered_calls(self) -> list[tuple[int, float]]:
        """Return the numbers of unanswered calls, and when the oldest ones arrived."""
        found = [self._queue.unanswered(self.services.transfers.threads)]
        return [*found, self._fast_path.unanswered()] if self._fast_path else found

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, run fast-path calls, and expire queued requests."""
        timeout = self._queue.poll_timeout(timeout)
        if self._fast_path is None:
            super().wait_for_and_dispatch_events(timeout)
        else:
            super().wait_for_and_dispatch_events(self._fast_path.poll_timeout(timeout))
            self._fast_path.run_pending()
        self._queue.expire()

    def is_parent_alive(self) -> bool:
        """Stop when the master has died: its successor needs the port.

        gunicorn would serve kept connections for its whole graceful timeout.
        """
        alive: bool = super().is_parent_alive()
        if not alive:
            self.alive = False
        return alive

    def make_room(self) -> bool:
        """End the least useful connection, and return whether there was one."""
        return (
            self.lingering.end_oldest()
            or self._evict(self._buffered.oldest_without_head())
            or self.end_oldest_idle()
            or self._evict(self._buffered.oldest())
            or self.pending.end_oldest()
        )

    def _evict(self, conn: TConn | None) -> bool:
        """Refuse a connection, if there is one, and free its place immediately."""
        if conn is None:
            return False
        self._reject(conn)
        self.lingering.end_oldest()  # this one: there is no other
        return True

    def enqueue_req(self, conn: TConn) -> None:
        """Read the next request of a new or readable connection."""
        data = self.receive(conn)
        if data:
            self.begin(conn, data)
        elif data is None:
            self._await(conn, BufferedRequest(time.monotonic()))
        else:
            self.drop(conn)

    def begin(self, conn: TConn, data: bytes) -> None:
        """Begin a request with its first bytes."""
        if self._fast_path is None or not self._fast_path.take(conn, data):
            self._feed(conn, BufferedRequest(time.monotonic()), data)

    def _await(self, conn: TConn, incoming: BufferedRequest) -> None:
        """Add an incomplete request."""
        self._buffered.add(conn, incoming)
        self.poller.register(conn.sock, EVENT_READ, partial(self._resume, conn, incoming))

    def _forget(self, conn: TConn) -> BufferedRequest:
        self.poller.unregister(conn.sock)
        return self._buffered.remove(conn)

    def _resume(self, conn: TConn, incoming: BufferedRequest, _socket: socket) -> None:
        data = self.receive(conn)
        if data:
            self._feed(conn, incoming, data)
        elif data is not None:
            self._forget(conn)
            self._buffered.release(incoming)
            if incoming.body is None:
                self.drop(conn)
            else:
                self.refuse(conn, ends_too_soon(), known_environ(incoming))

    def _feed(self, conn: TConn, incoming: BufferedRequest, data: bytes) -> None:
        """Process received bytes."""
        waited = conn in self._buffered
        try:
            state = incoming.feed(data)
            if state is ReceiveState.HEAD_WHOLE:
                if self._take_fast_path(conn, incoming, waited=waited):
                    return
                state = incoming.begin_body(read_head(incoming.head, self.cfg, conn.client))
        except ServiceError as problem:
            if waited:
                self._forget(conn)
            self._buffered.release(incoming)
            self.refuse(conn, problem, known_environ(incoming))
            return
        self._buffered.measure(incoming)
        if state in _TO_ANSWER:
            if waited:
                self._forget(conn)
            self._dispatch(conn, incoming)
        elif not waited:
            self._await(conn, incoming)
        while self._buffered.over_limit and self._free_memory():
            pass

    def _free_memory(self) -> bool:
        """Refuse the least useful request, and return whether there was one."""
        oldest = self._buffered.oldest()
        if oldest is None:
            return self._queue.refuse_oldest()
        self._reject(oldest)
        return True

    def _take_fast_path(self, conn: TConn, incoming: BufferedRequest, *, waited: bool) -> bool:
        """Answer a fast-path call that came in pieces, or with others behind it."""
        few = len(incoming.buffer) <= MAX_HEAD  # the rest is in no budget while it waits
        if self._fast_path is None or not few or not self._fast_path.take(conn, incoming.head):
            return False
        if waited:
            self._forget(conn)
        self._buffered.release(incoming)
        conn.rest = bytes(incoming.buffer)
        return True

    def _reject(self, conn: TConn) -> None:
        """End a connection whose request is incomplete, to make room."""
        incoming = self._forget(conn)
        self._buffered.release(incoming)
        if incoming.has_data:
            problem = Unavailable("There is no room for a request that arrives so slowly.")
            self.refuse(conn, problem, known_environ(incoming))
        else:
            self.drop(conn)

    def _dispatch(self, conn: TConn, incoming: BufferedRequest) -> None:
        """Dispatch a request: probes to the loop, others to a thread."""
        if take_probe(self, conn, incoming):
            self._buffered.release(incoming)
        else:
            conn.incoming = incoming
            self._queue.put(conn, self._separate.for_request(incoming.request))

    def _answer(self, conn: TConn) -> Outcome:
        return answer_request(self.wsgi, self.cfg, conn, conn.incoming, self.may_keep)

    def _refuse_expired(self, conn: TConn) -> None:
        """Refuse a request that has waited too long for a thread."""
        incoming, conn.incoming = conn.incoming, None
        self._buffered.release(incoming)
        self.refuse(conn, Unavailable(), known_environ(incoming))

    def _answered(self, conn: TConn, future: "Future[Outcome]") -> None:
        """Continue with a connection whose request a thread has answered, or wants the body of."""
        if future.cancelled():
            return
        incoming, conn.incoming = conn.incoming, None
        try:
            outcome = future.result()
        except BodyAwaited:
            self._want_body(conn, incoming)
            return
        except AnswerCutError as error:
            if error.fault is not None:
                self.log.exception("the source of an answer failed", exc_info=error.fault)
            self._buffered.release(incoming)
            self.reset(conn)
            return
        except Exception as error:  # noqa: BLE001 - the client gets a problem
            self._buffered.release(incoming)
            self.fail(conn, error, known_environ(incoming))
            return
        self._buffered.release(incoming)
        if outcome.keep and incoming.body is not None:
            conn.rest = incoming.body.rest
        self.finish_sending(conn, outcome.unsent, keep=outcome.keep)

    def _want_body(self, conn: TConn, incoming: BufferedRequest) -> None:
        """Receive the body of a request that the application accepts."""
        incoming.want_body(time.monotonic())
        try:
            if incoming.awaits_continue and not incoming.received:
                conn.sock.send(CONTINUE)
        except OSError:
            self._buffered.release(incoming)
            self.refuse(conn, ends_too_soon(), known_environ(incoming))  # so that it is logged
        else:
            self._await(conn, incoming)

    def murder_pending(self) -> None:
        """End connections whose request, answer or close takes too long."""
        now = time.monotonic()
        late = self._buffered.late(now, REQUEST_TIMEOUT_S if self.alive else STOP_KEEPALIVE_LINGER)
        for conn in late:
            incoming = self._forget(conn)
            self._buffered.release(incoming)
            if incoming.has_data:
                self.refuse(conn, RequestTimeout(), known_environ(incoming))
            else:
                self.drop(conn)
        if late:  # perhaps there are more: other events come first
            self.method_queue.defer(self.murder_pending)
        self.pending.end_slow()
        self.lingering.end_late(now)

    def fail(self, conn: TConn, error: Exception, environ: "WSGIEnvironment") -> None:
        """Answer a request that failed outside the application."""
        exchange = environ.get(EXCHANGE) or self.services.requests.begin(environ)
        self.services.problems.report(error, exchange.record)
        self.refuse(conn, InternalError(), {**environ, EXCHANGE: exchange})

    def refuse(self, conn: TConn, problem: ServiceError, environ: "WSGIEnvironment") -> None:
        """Refuse a request that the application does not see, and end the connection."""
        known = environ | {"REMOTE_ADDR": conn.client[0]}
        self.deliver(conn, refusal(problem, self.services.requests, known), keep=False)
