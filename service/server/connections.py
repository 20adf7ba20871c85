"""Connections of a worker: receiving, sending, and what follows an answer.

Everything here runs in the event loop, and never waits for a client.
"""

import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property, partial
from selectors import EVENT_READ
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn

from service.observability.metrics.worker_vitals import SharedVitals
from service.server.accepting import AcceptingWorker
from service.server.http.lingering import LingeringConnections
from service.server.http.sending import PendingAnswers, Unsent

_RECEIVE_BYTES = 16 * 1024
"""Bytes that are read from a client before the others have their turn."""


class IdleConnections:
    """Idle keep-alive connections: a queue from which any connection can be removed quickly.

    gunicorn has a deque, where finding one of thousands takes as long as a call.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, None] = {}

    def __len__(self) -> int:
        """Return their number."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over them, the longest idle first."""
        return iter(self._waiting)

    def __getitem__(self, index: int) -> Any:
        """Return the longest idle connection; no other index is used."""
        return next(iter(self._waiting))

    def append(self, conn: Any) -> None:
        """Add a connection."""
        self._waiting[conn] = None

    def remove(self, conn: Any) -> None:
        """Remove a connection."""
        del self._waiting[conn]

    def popleft(self) -> Any:
        """Remove and return the longest idle connection."""
        conn = self[0]
        del self._waiting[conn]
        return conn


class ConnectionWorker(AcceptingWorker):
    """A worker's management of connections; a subclass handles their requests."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.vitals = SharedVitals()
        self.tmp.notify()  # else a worker that hangs before its first heartbeat would seem alive
        self.keepalived_conns = IdleConnections()
        self._received = memoryview(bytearray(_RECEIVE_BYTES))
        """The receive buffer, one for all, as there may be thousands of connections."""

    def init_process(self) -> None:
        """Start, and serve until the end; gunicorn would print the text of an exception.

        Raises:
            SystemExit: The worker could not start, or has ended.
        """
        try:
            super().init_process()
        except Exception:
            self.log.exception("Exception in worker process")
            sys.exit(-1 if self.booted else Arbiter.WORKER_BOOT_ERROR)

    @cached_property
    def lingering(self) -> LingeringConnections:
        """Connections that wait for their client to close them."""
        return LingeringConnections(self.slow_poller, self.receive, self.drop)

    @cached_property
    def pending(self) -> PendingAnswers:
        """Answers that clients have not received completely yet."""
        return PendingAnswers(self.slow_poller, self.sent, self.reset)

    def begin(self, conn: TConn, data: bytes) -> None:
        """Begin a request with its first bytes."""
        raise NotImplementedError

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

    def receive(self, conn: TConn, most: int = _RECEIVE_BYTES) -> bytes | None:
        """Return received bytes, none at the end of the stream, `None` if nothing is there yet."""
        try:
            size = conn.sock.recv_into(self._received, most)
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

    def sent(self, conn: TConn, keep: bool) -> None:  # noqa: FBT001 - a callback
        """Continue with a connection whose answer is sent."""
        if not keep:
            self.lingering.add(conn)
        elif conn.rest:  # deferred: pipelined requests must not recurse
            self.method_queue.defer(self._begin_next, conn)
        else:
            self._keep(conn)

    def _begin_next(self, conn: TConn) -> None:
        data, conn.rest = conn.rest, b""
        self.begin(conn, data)

    def _keep(self, conn: TConn) -> None:
        """Keep a connection alive for its next request, as gunicorn does."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        readable = partial(self.on_client_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def end_unused(self) -> bool:
        """End a connection without a request, and return whether there was one."""
        return self.lingering.end_oldest() or self.end_oldest_idle()

    def end_oldest_idle(self) -> bool:
        """Close the connection that has been idle for longest; return whether there was one."""
        if not self.keepalived_conns:
            return False
        conn = self.keepalived_conns.popleft()
        self.poller.unregister(conn.sock)
        self.drop(conn)
        return True

    def reset(self, conn: TConn) -> None:
        """Reset a connection, so that an incomplete answer does not look complete."""
        with suppress(OSError):
            conn.sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.drop(conn)

    def drop(self, conn: TConn) -> None:
        """Close a connection."""
        self.nr_conns -= 1
        conn.close()
