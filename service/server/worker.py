"""What the service changes about gunicorn's workers: how they receive, answer and stop (ADR 5)."""

import time
from concurrent.futures import Executor, Future
from functools import partial
from selectors import EVENT_READ
from socket import socket
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn

from service.api.http_errors import RequestTimeout
from service.app import services_of
from service.call.body_state import BodyAwaited
from service.domain.errors import InternalError, ServiceError, Unavailable
from service.server.answering import AnswerCutError, Outcome, answer_request
from service.server.arrivals import Arrivals
from service.server.connections import ConnectionWorker
from service.server.fast_path.entry import PlainCalls, plain_calls
from service.server.fast_path.request import MAX_HEAD
from service.server.http.body import ends_too_soon
from service.server.http.head import read_head
from service.server.http.receiving import READ_WITHIN_S, Incoming, Progress
from service.server.http.streaming import CONTINUE
from service.server.probe_calls import take_probe
from service.server.refusing import known_of, refusal
from service.server.thread_queue import ThreadQueue

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TO_ANSWER = {Progress.HEAD_SUFFICES, Progress.WHOLE}


class ServiceWorker(ConnectionWorker):
    """A worker that receives, answers, refuses and stops as the service promises.

    The event loop reads and writes; a thread gets a request that is whole (ADR 5), or whose body it
    may not wait for.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arrivals = Arrivals()
        self._plain: PlainCalls | None = None

    def get_thread_pool(self) -> Executor:
        """Make the threads, and the queue before them."""
        threads: Executor = super().get_thread_pool()
        self._queue = ThreadQueue(
            threads,
            self._answer,
            lambda conn, done: self.method_queue.defer(self._answered, conn, done),
            self._give_up,
        )
        return threads

    def open_fast_path(self) -> None:
        """From now on, answer plain calls in the event loop, unless settings say otherwise."""
        self._plain = plain_calls(self)

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

    def make_room(self) -> bool:
        """End the connection that is missed least, and return whether there was one."""
        return (
            self.end_farewell()
            or self._evict(self._arrivals.oldest_without_head())
            or self.end_idle()
            or self._evict(self._arrivals.oldest())
            or self.pending.end_oldest()
        )

    def _evict(self, conn: TConn | None) -> bool:
        """Turn a connection away, if there is one, and have its place at once."""
        if conn is None:
            return False
        self._turn_away(conn)
        self.end_farewell()  # its own: whoever evicts has ended all others
        return True

    def enqueue_req(self, conn: TConn) -> None:
        """Read the next request of a connection, which is new or has become readable."""
        data = self.receive(conn)
        if data:
            self.begin(conn, data)
        elif data is None:
            self._await(conn, Incoming(time.monotonic()))
        else:
            self.drop(conn)

    def begin(self, conn: TConn, data: bytes) -> None:
        """Begin a request with what has arrived of it."""
        if self._plain is None or not self._plain.take(conn, data):
            self._feed(conn, Incoming(time.monotonic()), data)

    def _await(self, conn: TConn, incoming: Incoming) -> None:
        """Wait for more of a request."""
        self._arrivals.add(conn, incoming)
        self.poller.register(conn.sock, EVENT_READ, partial(self._go_on, conn, incoming))

    def _forget(self, conn: TConn) -> Incoming:
        self.poller.unregister(conn.sock)
        return self._arrivals.remove(conn)

    def _go_on(self, conn: TConn, incoming: Incoming, _socket: socket) -> None:
        data = self.receive(conn)
        if data:
            self._feed(conn, incoming, data)
        elif data is not None:
            self._forget(conn)
            self._arrivals.release(incoming)
            if incoming.body is None:
                self.drop(conn)
            else:
                self.refuse(conn, ends_too_soon(), known_of(incoming))

    def _feed(self, conn: TConn, incoming: Incoming, data: bytes) -> None:
        """Take what has arrived, and do what can be done with it."""
        waited = conn in self._arrivals
        try:
            progress = incoming.feed(data)
            if progress is Progress.HEAD_WHOLE:
                if self._take_plain(conn, incoming, waited=waited):
                    return
                progress = incoming.begin_body(read_head(incoming.head, self.cfg, conn.client))
        except ServiceError as problem:
            if waited:
                self._forget(conn)
            self._arrivals.release(incoming)
            self.refuse(conn, problem, known_of(incoming))
            return
        self._arrivals.measure(incoming)
        if progress in _TO_ANSWER:
            if waited:
                self._forget(conn)
            self._dispatch(conn, incoming)
        elif not waited:
            self._await(conn, incoming)
        while self._arrivals.over_limit and self._make_memory():
            pass

    def _make_memory(self) -> bool:
        """Give up the request that is missed least, and return whether there was one."""
        oldest = self._arrivals.oldest()
        if oldest is None:
            return self._queue.refuse_oldest()
        self._turn_away(oldest)
        return True

    def _take_plain(self, conn: TConn, incoming: Incoming, *, waited: bool) -> bool:
        """Have the event loop answer a plain call that came in pieces, or with others behind it."""
        few = len(incoming.buffer) <= MAX_HEAD  # what is behind it is in no budget while it waits
        if self._plain is None or not few or not self._plain.take(conn, incoming.head):
            return False
        if waited:
            self._forget(conn)
        self._arrivals.release(incoming)
        conn.rest = bytes(incoming.buffer)
        return True

    def _turn_away(self, conn: TConn) -> None:
        """End a connection whose request is not whole, as there is no room for it."""
        incoming = self._forget(conn)
        self._arrivals.release(incoming)
        if incoming.begun_to_arrive:
            problem = Unavailable("There is no room for a request that arrives so slowly.")
            self.refuse(conn, problem, known_of(incoming))
        else:
            self.drop(conn)

    def _dispatch(self, conn: TConn, incoming: Incoming) -> None:
        """Have a request answered: a probe by the loop, all others by a thread."""
        if take_probe(self, conn, incoming):
            self._arrivals.release(incoming)
        else:
            conn.incoming = incoming
            self._queue.put(conn)

    def _answer(self, conn: TConn) -> Outcome:
        return answer_request(self.wsgi, self.cfg, conn, conn.incoming, self.may_keep)

    def _give_up(self, conn: TConn) -> None:
        """Refuse a request that has waited for a thread for too long."""
        incoming, conn.incoming = conn.incoming, None
        self._arrivals.release(incoming)
        self.refuse(conn, Unavailable(), known_of(incoming))

    def _answered(self, conn: TConn, future: "Future[Outcome]") -> None:
        """Go on with a connection whose request a thread has answered, or wants the body of."""
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
            self._arrivals.release(incoming)
            self.cut(conn)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told in there
            self._arrivals.release(incoming)
            self.fail(conn, error, known_of(incoming))
            return
        self._arrivals.release(incoming)
        if outcome.keep and incoming.body is not None:
            conn.rest = incoming.body.rest
        self.finish_sending(conn, outcome.unsent, keep=outcome.keep)

    def _want_body(self, conn: TConn, incoming: Incoming) -> None:
        """Collect the body of a request that the application does not refuse."""
        incoming.want_body(time.monotonic())
        try:
            if incoming.awaits_continue and not incoming.received:
                conn.sock.send(CONTINUE)
        except OSError:
            self._arrivals.release(incoming)
            self.refuse(conn, ends_too_soon(), known_of(incoming))  # in the log, and its span ends
        else:
            self._await(conn, incoming)

    def may_keep(self) -> bool:
        """Say whether a connection may stay open once it is answered.

        While draining, the client is told to come back on another connection: else it might use
        this one to the end, and send a call when it is just being closed.
        """
        return (
            self.alive
            and len(self.keepalived_conns) < self.max_keepalived
            and not services_of(self.wsgi).drain.begun
        )

    def murder_pending(self) -> None:
        """End the connections whose request, answer or end has not gone its way in time."""
        now = time.monotonic()
        for conn in self._arrivals.late(
            now, READ_WITHIN_S if self.alive else STOP_KEEPALIVE_LINGER
        ):
            incoming = self._forget(conn)
            self._arrivals.release(incoming)
            if incoming.begun_to_arrive:
                self.refuse(conn, RequestTimeout(), known_of(incoming))
            else:
                self.drop(conn)
        self.pending.end_slow()
        self.end_farewells(now)

    def fail(self, conn: TConn, error: Exception, environ: "WSGIEnvironment") -> None:
        """Answer a request that failed outside the application."""
        self.log.error("a request failed outside the application", exc_info=error)
        self.refuse(conn, InternalError(), environ)

    def refuse(self, conn: TConn, problem: ServiceError, environ: "WSGIEnvironment") -> None:
        """Answer a request that the application does not see, and end the connection."""
        answer = refusal(problem, services_of(self.wsgi).requests, environ)
        self.deliver(conn, answer, keep=False)
