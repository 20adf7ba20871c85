"""Connections of a worker after their request: sending, keep-alive, lingering close, reset.

Everything here runs in the event loop, and never waits for a client.
"""

import errno
import struct
import time
from contextlib import suppress
from functools import cached_property, partial
from select import select
from selectors import EVENT_READ, SelectorKey
from socket import SHUT_WR, SO_LINGER, SOL_SOCKET, socket
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from service.app import services_of
from service.container.services import Services
from service.observability.metrics.worker_vitals import SharedVitals
from service.server.accepting import AcceptPause
from service.server.buffered_requests import IdleConnections
from service.server.http.sending import PendingAnswers, Unsent

TURN_BUDGET_S = 0.05
"""How long the loop handles events until it accepts new connections again."""
ACCEPT_INTERVAL_S = 0.001
"""A turn accepts another connection for each interval that the previous turn took.

Accepting one at a time balances workers, but each connection waits a turn for every one before it.
"""
_RECEIVE_BYTES = 16 * 1024
"""Bytes that are read from a client before the others have their turn."""
_NO_CONNECTION = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}


class ConnectionWorker(ThreadWorker):
    """A worker's management of connections; a subclass handles their requests."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.vitals = SharedVitals()
        self.tmp.notify()  # else a worker that hangs before its first heartbeat would seem alive
        self.keepalived_conns = IdleConnections()
        self._lingering: dict[TConn, float] = {}
        """Connections in lingering close with their deadlines, in order."""
        self._received = memoryview(bytearray(_RECEIVE_BYTES))
        """The receive buffer, one for all, as there may be thousands of connections."""
        self._overdue: dict[int, SelectorKey] = {}
        """Events that are still to be handled, by descriptor, in their order."""
        self._turn_began = time.monotonic()
        self._may_accept = 1

    @cached_property
    def _pause(self) -> AcceptPause:
        return AcceptPause(self.services.log, self.services.metrics.accept_failed)

    @cached_property
    def services(self) -> Services:
        """The services of the application that is served."""
        return services_of(self.wsgi)

    def may_keep(self) -> bool:
        """Return whether a connection may stay open after its answer.

        While draining, the answer asks the client to open another connection: otherwise the client
        might send a call while this one is being closed.
        """
        return (
            self.alive
            and len(self.keepalived_conns) < self.max_keepalived
            and not self.services.drain.begun
        )

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, and call their handlers, listeners and threads first.

        gunicorn would handle all events before it accepts again, accept one connection, and call
        handlers of connections that an earlier handler has closed, or whose descriptor belongs to
        a new connection by then.
        """
        took = time.monotonic() - self._turn_began
        self._may_accept = 1 + int(took / ACCEPT_INTERVAL_S)
        first = {self.method_queue.fileno(), *map(_descriptor, self.sockets)}
        found = self.poller.select(0.0 if self._overdue else timeout)
        self._turn_began = time.monotonic()
        for key, _ in found:
            if key.fd in first:
                self._call(key)
            else:
                self._overdue[key.fd] = key
        ends = time.monotonic() + TURN_BUDGET_S
        while self._overdue and time.monotonic() < ends:
            self._call(self._overdue.pop(next(iter(self._overdue))))

    def _call(self, key: SelectorKey) -> None:
        """Call the handler of an event, if it is still registered."""
        if self.poller.get_map().get(key.fd) is key:
            key.data(key.fileobj)

    def accept(self, listener: socket) -> None:
        """Accept waiting connections, one after the other."""
        for _ in range(self._may_accept):
            if not self._accept_one(listener):
                return

    def _accept_one(self, listener: socket) -> bool:
        """Accept a connection; if there are too many, end the least useful one."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in _NO_CONNECTION:
                self._accept_later(error)
            return False
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self.make_room()
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.rest = b""
        self.enqueue_req(conn)
        return True

    def _accept_later(self, error: OSError) -> None:
        """Make room for a connection that the system refuses, or else pause accepting."""
        if self.close_oldest_lingering() or self.close_oldest_idle() or self.make_room():
            self._pause.note(error)
        else:
            self._pause.begin(error)
            super().set_accept_enabled(False)

    def make_room(self) -> bool:
        """End the least useful connection, and return whether there was one."""
        raise NotImplementedError

    def begin(self, conn: TConn, data: bytes) -> None:
        """Begin a request with its first bytes."""
        raise NotImplementedError

    def receive(self, conn: TConn) -> bytes | None:
        """Return received bytes, none at the end of the stream, `None` if nothing is there yet."""
        try:
            size = conn.sock.recv_into(self._received)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        return bytes(self._received[:size])

    def deliver(self, conn: TConn, answer: bytes, *, keep: bool) -> None:
        """Send an answer, then continue with its connection."""
        try:
            sent = conn.sock.send(answer)  # it does not block
        except BlockingIOError:
            sent = 0
        except OSError:
            self.reset(conn)
            return
        if sent == len(answer):
            self.sent(conn, keep)
        else:
            left = memoryview(answer)[sent:]
            self.finish_sending(conn, Unsent([left], len(left)), keep=keep)

    def finish_sending(self, conn: TConn, unsent: Unsent, *, keep: bool) -> None:
        """Continue with a connection whose answer is sent completely or in part."""
        if unsent.parts:
            held = unsent.memory + len(conn.rest)
            self.pending.add(conn, unsent._replace(memory=held), keep=keep)
        else:
            self.sent(conn, keep)

    @cached_property
    def pending(self) -> PendingAnswers:
        """Answers that clients have not received completely yet."""
        return PendingAnswers(self.poller, self.sent, self.reset)

    def sent(self, conn: TConn, keep: bool) -> None:  # noqa: FBT001 - a callback
        """Continue with a connection whose answer is sent."""
        if not keep:
            self.linger(conn)
        elif conn.rest:  # deferred: pipelined requests must not recurse
            self.method_queue.defer(self._begin_next, conn)
        else:
            self.keep(conn)

    def _begin_next(self, conn: TConn) -> None:
        data, conn.rest = conn.rest, b""
        self.begin(conn, data)

    def keep(self, conn: TConn) -> None:
        """Keep a connection alive for its next request, as gunicorn does."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        readable = partial(self.on_client_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def reset(self, conn: TConn) -> None:
        """Reset a connection, so that an incomplete answer does not look complete."""
        with suppress(OSError):
            conn.sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.drop(conn)

    def linger(self, conn: TConn) -> None:
        """Close a connection in both directions, and discard what the client still sends.

        An immediate close could cut off the answer (RFC 9112, section 9.6).
        """
        try:
            conn.sock.shutdown(SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):
            self.drop(conn)
        else:
            self._lingering[conn] = time.monotonic() + STOP_KEEPALIVE_LINGER

    def _discard(self, conn: TConn, _socket: socket) -> None:
        if self.receive(conn) == b"":
            self._end_lingering(conn)

    def _end_lingering(self, conn: TConn) -> None:
        del self._lingering[conn]
        self.poller.unregister(conn.sock)
        self.drop(conn)

    def drop(self, conn: TConn) -> None:
        """Close a connection."""
        self.nr_conns -= 1
        conn.close()

    def close_lingering(self, now: float) -> None:
        """Close lingering connections whose time is over."""
        while self._lingering and next(iter(self._lingering.values())) <= now:
            self.close_oldest_lingering()

    def close_oldest_lingering(self) -> bool:
        """Close the connection that has lingered for longest; return whether there was one."""
        conn = next(iter(self._lingering), None)
        if conn is not None:
            self._end_lingering(conn)
        return conn is not None

    def close_oldest_idle(self) -> bool:
        """Close the connection that has been idle for longest; return whether there was one."""
        if not self.keepalived_conns:
            return False
        conn = self.keepalived_conns.popleft()
        self.poller.unregister(conn.sock)
        self.drop(conn)
        return True

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
            for listener in self.sockets:
                while not self._pause.lasts and select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()


def _descriptor(listener: Any) -> int:
    """Return the descriptor of a listener, -1 if it is closed."""
    sock = getattr(listener, "sock", listener)
    return sock.fileno() if sock else -1
