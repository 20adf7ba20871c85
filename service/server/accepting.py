"""Accepting connections: in turns with the events of those that are there already.

The system refuses new connections at its limits of files or memory (accept(2): EMFILE, ENFILE,
ENOBUFS, ENOMEM), or after a network error. An immediate retry would be a busy loop, as the
connection keeps waiting: so accepting pauses, while existing connections are served.
"""

import errno
import math
import time
from collections import deque
from collections.abc import Callable
from functools import cached_property
from select import select
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from socket import socket
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker
from structlog.typing import FilteringBoundLogger

from service.app import services_of
from service.container.services import Services
from service.server.events import EventQueue

TURN_BUDGET_S = 0.01
"""How long a turn handles events of each of the two kinds."""
READ_BUDGET_S = 0.05
"""How long a turn reads the first bytes of new connections."""
ACCEPT_BUDGET_S = 0.01
"""How long a turn accepts at most, and no longer than the previous turn took.

Accepting one at a time balances workers, but each connection waits a turn for every one before it.
"""
LAST_ACCEPT_S = 1.0
"""How long a worker that stops accepts what the kernel has queued, as more may come for ever."""
PAUSE_S = 0.5
LOG_INTERVAL_S = 60.0
_NO_CONNECTION = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}


class AcceptPause:
    """The pause of accepting, one in each worker.

    Args:
        log: Logs a refusal, at most once a minute.
        count: Counts refusals.
    """

    def __init__(self, log: FilteringBoundLogger, count: Callable[[], None]) -> None:
        self._log, self._count = log, count
        self._ends = self._last_logged = -math.inf

    @property
    def lasts(self) -> bool:
        """Whether accepting is paused now."""
        return time.monotonic() < self._ends

    def begin(self, error: OSError) -> None:
        """Start a pause, and record the refusal."""
        self._ends = time.monotonic() + PAUSE_S
        self.note(error)

    def note(self, error: OSError) -> None:
        """Count a refusal, and log it."""
        now = time.monotonic()
        self._count()
        if now - self._last_logged > LOG_INTERVAL_S:
            self._last_logged = now
            name = errno.errorcode.get(error.errno or 0, "unknown")
            self._log.error("accept_failed", reason=name)


class AcceptingWorker(ThreadWorker):
    """A worker that accepts connections; a subclass serves them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._accepted: deque[TConn] = deque()
        """New connections, of which nothing was read yet."""
        self._turn_began = time.monotonic()
        self._accept_budget_s = 0.0

    @cached_property
    def services(self) -> Services:
        """The services of the application that is served."""
        return services_of(self.wsgi)

    @cached_property
    def _pause(self) -> AcceptPause:
        return AcceptPause(self.services.log, self.services.metrics.accept_failed)

    def make_room(self) -> bool:
        """End the least useful connection, and return whether there was one."""
        raise NotImplementedError

    def end_unused(self) -> bool:
        """End a connection without a request, and return whether there was one."""
        raise NotImplementedError

    @cached_property
    def _events(self) -> EventQueue:
        return EventQueue(self.poller)

    @cached_property
    def _slow_events(self) -> EventQueue:
        queue = EventQueue(DefaultSelector())
        self.poller.register(queue.selector, EVENT_READ, queue.poll)
        return queue

    @property
    def slow_poller(self) -> BaseSelector:
        """The selector of clients that are waited for: to send the rest, to read, or to close.

        There may be thousands of them, which delay no client that sends a whole request.
        """
        return self._slow_events.selector

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, and call their handlers, listeners and threads first.

        gunicorn would handle all events before it accepts again, accept one connection, and call
        handlers of connections that an earlier handler has closed.
        """
        took = time.monotonic() - self._turn_began
        self._accept_budget_s = min(took, ACCEPT_BUDGET_S)
        first = {self.method_queue.fileno(), *map(_descriptor, self.sockets)}
        busy = self._accepted or self._events or self._slow_events
        found = self.poller.select(0.0 if busy else timeout)
        self._turn_began = time.monotonic()
        for key, _ in found:
            if key.fd in first:
                self._events.call(key)
            else:
                self._events.add(key)
        self._read_accepted(time.monotonic() + READ_BUDGET_S)
        self._events.handle(TURN_BUDGET_S)
        self._slow_events.handle(TURN_BUDGET_S)

    def _read_accepted(self, ends: float) -> None:
        while time.monotonic() < ends and self._read_one():
            pass

    def _read_one(self) -> bool:
        """Read the first bytes of a new connection, and return whether there was one."""
        if not self._accepted:
            return False
        self.enqueue_req(self._accepted.popleft())
        return True

    def accept(self, listener: socket) -> None:
        """Accept waiting connections, before the kernel's queue is full and it ignores others."""
        ends = time.monotonic() + self._accept_budget_s
        while self._accept_one(listener) and time.monotonic() < ends:
            pass

    def _accept_one(self, listener: socket) -> bool:
        """Accept a connection; if there are too many, end the least useful one."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in _NO_CONNECTION:
                self._accept_later(error)
            return False
        self.nr_conns += 1
        while self.nr_conns >= self.worker_connections and (self.make_room() or self._read_one()):
            pass
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.rest = b""
        self._accepted.append(conn)
        return True

    def _accept_later(self, error: OSError) -> None:
        """Make room for a connection that the system refuses, or else pause accepting."""
        if self.end_unused() or self.make_room():
            self._pause.note(error)
        else:
            self._pause.begin(error)
            super().set_accept_enabled(False)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - the base's signature
        """On stop, accept what the kernel has queued, and close the listeners.

        gunicorn would keep listening while it finishes: connections that are never accepted would
        hang, and be reset in the end.
        """
        closed = any(listener.fileno() < 0 for listener in self.sockets)
        if closed or (enabled and self._pause.lasts):
            return
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            ends = time.monotonic() + LAST_ACCEPT_S
            for listener in self.sockets:
                while (
                    not self._pause.lasts
                    and time.monotonic() < ends
                    and select([listener], [], [], 0)[0]
                ):
                    self.accept(listener)
                listener.close()


def _descriptor(listener: Any) -> int:
    """Return the descriptor of a listener, -1 if it is closed."""
    sock = getattr(listener, "sock", listener)
    return sock.fileno() if sock else -1
