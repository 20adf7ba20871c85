"""A worker's connections once their request is answered: sent to, kept, left or cut.

All of it runs in the event loop, and never waits for a client.
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
from service.server.accepting import AcceptPause
from service.server.buffered_requests import IdleConnections
from service.server.http.sending import PendingAnswers, Unsent

TURN_BUDGET_S = 0.05
"""How long the loop sees to events until it looks for newcomers again."""
ACCEPT_INTERVAL_S = 0.001
"""A turn that has taken longer accepts another newcomer for each of these.

One at a time shares them out among workers, but has a newcomer wait a turn for each before it.
"""
_RECEIVE_BYTES = 16 * 1024
"""Bytes that are read of one client before others have their turn."""
_NO_CONNECTION = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}


class ConnectionWorker(ThreadWorker):
    """Looks after connections; what is read from them is for whoever inherits."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.keepalived_conns = IdleConnections()
        self._lingering: dict[TConn, float] = {}
        """In the order in which they began, and so in that in which they end."""
        self._received = memoryview(bytearray(_RECEIVE_BYTES))
        """Where the kernel writes: one for all, as each connection may be one of thousands."""
        self._overdue: dict[int, SelectorKey] = {}
        """Events that there was no time for, by descriptor, in their order."""
        self._turn_began = time.monotonic()
        self._may_accept = 1

    @cached_property
    def _pause(self) -> AcceptPause:
        services = services_of(self.wsgi)
        return AcceptPause(services.log, services.metrics.accept_failed)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, and call whoever waits for them, newcomers and threads first.

        gunicorn would see to all events before it looks for newcomers again, accept one of them,
        and call whom an earlier call of the same batch has ended, or whose descriptor it has
        closed and somebody new has got.
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
        """Call whoever waits for an event, if it still does."""
        if self.poller.get_map().get(key.fd) is key:
            key.data(key.fileobj)

    def accept(self, listener: socket) -> None:
        """Accept who has come, one after the other."""
        for _ in range(self._may_accept):
            if not self._accept_one(listener):
                return

    def _accept_one(self, listener: socket) -> bool:
        """Accept a connection; where there is no room for it, the oldest without a request goes."""
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
        """Make room for a connection that the system refuses; else, accept nobody for a moment."""
        if self.close_oldest_lingering() or self.close_oldest_idle() or self.make_room():
            self._pause.note(error)
        else:
            self._pause.begin(error)
            super().set_accept_enabled(False)

    def make_room(self) -> bool:
        """End the connection that is missed least, and return whether there was one."""
        raise NotImplementedError

    def begin(self, conn: TConn, data: bytes) -> None:
        """Begin a request with what has arrived of it."""
        raise NotImplementedError

    def receive(self, conn: TConn) -> bytes | None:
        """Return what has arrived: nothing where the client has ended, `None` where it has not."""
        try:
            size = conn.sock.recv_into(self._received)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        return bytes(self._received[:size])

    def deliver(self, conn: TConn, answer: bytes, *, keep: bool) -> None:
        """Send an answer, and go on with its connection."""
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
        """Go on with a connection that has its answer, or a part of it."""
        if unsent.parts:
            held = unsent.memory + len(conn.rest)
            self.pending.add(conn, unsent._replace(memory=held), keep=keep)
        else:
            self.sent(conn, keep)

    @cached_property
    def pending(self) -> PendingAnswers:
        """The answers that clients have not taken yet."""
        return PendingAnswers(self.poller, self.sent, self.reset)

    def sent(self, conn: TConn, keep: bool) -> None:  # noqa: FBT001 - a callback
        """Go on with a connection that has its answer."""
        if not keep:
            self.linger(conn)
        elif conn.rest:  # later: a thousand requests in one segment must not nest
            self.method_queue.defer(self._begin_next, conn)
        else:
            self.keep(conn)

    def _begin_next(self, conn: TConn) -> None:
        data, conn.rest = conn.rest, b""
        self.begin(conn, data)

    def keep(self, conn: TConn) -> None:
        """Wait for the next request of a connection, as gunicorn does."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        readable = partial(self.on_client_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def reset(self, conn: TConn) -> None:
        """End a connection so that a part of an answer does not look like the whole."""
        with suppress(OSError):
            conn.sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.drop(conn)

    def linger(self, conn: TConn) -> None:
        """Say goodbye, and discard what still comes.

        Closing at once would cut the answer off (RFC 9112, section 9.6).
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
        """Close the connections whose client has had its time to leave."""
        while self._lingering and next(iter(self._lingering.values())) <= now:
            self.close_oldest_lingering()

    def close_oldest_lingering(self) -> bool:
        """Close the connection that leaves for longest; return whether there was one."""
        conn = next(iter(self._lingering), None)
        if conn is not None:
            self._end_lingering(conn)
        return conn is not None

    def close_oldest_idle(self) -> bool:
        """Close the kept connection that is idle for longest; return whether there was one."""
        if not self.keepalived_conns:
            return False
        conn = self.keepalived_conns.popleft()
        self.poller.unregister(conn.sock)
        self.drop(conn)
        return True

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - the base's signature
        """Once stopping, take what the kernel has accepted for us, and listen no more.

        gunicorn would keep listening while it finishes: connections that nobody will accept
        would hang, and be reset in the end.
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
    """Return what a listener is known by; gunicorn's own has none once it was closed."""
    sock = getattr(listener, "sock", listener)
    return sock.fileno() if sock else -1
