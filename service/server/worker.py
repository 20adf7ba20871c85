"""The service's gunicorn worker: how it receives, answers and stops (ADR 5)."""

import time
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import TConn

from service.domain.errors import InternalError, Unavailable
from service.observability.exchange import EXCHANGE, BodyAwaited
from service.server.answering import AnswerCutError, Outcome, answer_request
from service.server.buffering import BufferingWorker
from service.server.fast_path.entry import FastPathCalls, fast_path_calls
from service.server.http.body import ends_too_soon
from service.server.http.receiving import BufferedRequest
from service.server.http.streaming import CONTINUE
from service.server.probe_calls import take_probe
from service.server.refusing import known_environ
from service.server.separate_threads import SeparateThreads, shared_threads
from service.server.thread_queue import ThreadQueue

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class ServiceWorker(BufferingWorker):
    """A worker whose event loop reads and writes, and whose threads answer (ADR 5)."""

    _separate: SeparateThreads

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
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

    def take_fast_path(self, conn: TConn, held: bytes) -> bool:
        """Answer a request in the event loop if that is possible, and return whether it is."""
        return self._fast_path is not None and self._fast_path.take(conn, held)

    def refuse_queued(self) -> bool:
        """Refuse the complete request that has waited longest; return whether there was one."""
        return self._queue.refuse_oldest()

    def dispatch(self, conn: TConn, incoming: BufferedRequest) -> None:
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

    def fail(self, conn: TConn, error: Exception, environ: "WSGIEnvironment") -> None:
        """Answer a request that failed outside the application."""
        exchange = environ.get(EXCHANGE) or self.services.requests.begin(environ)
        self.services.problems.report(error, exchange.record)
        self.refuse(conn, InternalError(), {**environ, EXCHANGE: exchange})
