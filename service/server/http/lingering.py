"""Lingering close: a connection stays half open until the client has read its answer.

An immediate close could cut off the answer (RFC 9112, section 9.6).
"""

import time
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ
from socket import SHUT_WR, socket
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER


class LingeringConnections:
    """Connections of a worker that are being closed by its event loop.

    Args:
        poller: The selector of slow clients.
        receive: Receives from a connection: nothing at the end of the stream, `None` if nothing has
            arrived.
        drop: Closes a connection.
    """

    def __init__(
        self, poller: Any, receive: Callable[[Any], bytes | None], drop: Callable[[Any], None]
    ) -> None:
        self._poller, self._receive, self._drop = poller, receive, drop
        self._deadlines: dict[Any, float] = {}
        """In their order."""

    def add(self, conn: Any) -> None:
        """Close a connection in our direction, and discard what the client still sends."""
        try:
            conn.sock.shutdown(SHUT_WR)
            self._poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):
            self._drop(conn)
        else:
            self._deadlines[conn] = time.monotonic() + STOP_KEEPALIVE_LINGER

    def end_late(self, now: float) -> None:
        """Close the connections whose time is over."""
        while self._deadlines and next(iter(self._deadlines.values())) <= now:
            self.end_oldest()

    def end_oldest(self) -> bool:
        """Close the connection that has lingered for longest, and return whether there was one."""
        conn = next(iter(self._deadlines), None)
        if conn is not None:
            self._end(conn)
        return conn is not None

    def _discard(self, conn: Any, _socket: socket) -> None:
        if self._receive(conn) == b"":
            self._end(conn)

    def _end(self, conn: Any) -> None:
        del self._deadlines[conn]
        self._poller.unregister(conn.sock)
        self._drop(conn)
