"""Sending: what a client does not take at once goes on in the event loop.

No thread waits for a client. Each answer has a pace and so a deadline, and all of them together
have a limit of memory: beyond it, the oldest end.
"""

import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from selectors import EVENT_WRITE
from typing import Any, NamedTuple

from service.server.http.streaming import is_too_slow

MAX_UNSENT = 64 * 1024 * 1024
"""Bytes of answers that one worker keeps for clients that are slow to take them."""
_AT_ONCE = 16
"""Buffers of one system call."""


class Unsent(NamedTuple):
    """What is left of an answer."""

    parts: list[memoryview]
    memory: int
    """Bytes of it that are kept for this answer alone."""


def send_some(client: socket.socket, parts: Sequence[bytes | memoryview]) -> list[memoryview]:
    """Send what the kernel takes at once, and return the rest.

    Raises:
        OSError: The client is gone.
    """
    left = [memoryview(part) for part in parts]
    while left:
        try:
            sent = client.sendmsg(left[:_AT_ONCE])
        except BlockingIOError:
            break
        while left and sent >= len(left[0]):
            sent -= len(left.pop(0))
        if sent:
            left[0] = left[0][sent:]
            break
    return left


class _Outgoing:
    """An answer that is being sent."""

    __slots__ = ("begun", "keep", "memory", "parts", "sent")

    def __init__(self, unsent: Unsent, *, keep: bool) -> None:
        self.parts, self.memory = unsent
        self.keep = keep
        self.begun = time.monotonic()
        self.sent = 0

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))


class PendingAnswers:
    """The answers of a worker that clients have not taken yet; all of it runs in the event loop.

    Args:
        poller: Of the event loop.
        finish: Called with a connection that has its answer, and whether it stays open.
        cut: Called with a connection that is too slow, or gone.
        limit: Bytes of memory that they may take.
    """

    def __init__(
        self,
        poller: Any,
        finish: Callable[[Any, bool], None],
        cut: Callable[[Any], None],
        limit: int = MAX_UNSENT,
    ) -> None:
        self._poller, self._finish, self._cut, self._limit = poller, finish, cut, limit
        self._outgoing: dict[Any, _Outgoing] = {}
        """In the order in which they began."""
        self._memory = 0
        self._looked_at = 0.0

    def __len__(self) -> int:
        """Count them."""
        return len(self._outgoing)

    def add(self, conn: Any, unsent: Unsent, *, keep: bool) -> None:
        """Go on sending an answer."""
        outgoing = self._outgoing[conn] = _Outgoing(unsent, keep=keep)
        self._memory += outgoing.memory
        self._poller.register(conn.sock, EVENT_WRITE, partial(self._resume, conn, outgoing))
        while self._memory > self._limit:
            self.end_oldest()

    def end_oldest(self) -> bool:
        """End the oldest, and return whether there was one."""
        conn = next(iter(self._outgoing), None)
        if conn is not None:
            self._end(conn)
        return conn is not None

    def end_slow(self) -> None:
        """End those that are not taken fast enough; looks once a second."""
        now = time.monotonic()
        if now - self._looked_at >= 1:
            self._looked_at = now
            for conn, each in list(self._outgoing.items()):
                if is_too_slow(now - each.begun, each.sent):
                    self._end(conn)

    def _resume(self, conn: Any, outgoing: _Outgoing, _client: socket.socket) -> None:
        before = outgoing.size
        try:
            outgoing.parts = send_some(conn.sock, outgoing.parts)
        except OSError:
            self._end(conn)
            return
        outgoing.sent += before - outgoing.size
        if not outgoing.parts:
            self._forget(conn)
            self._finish(conn, outgoing.keep)

    def _end(self, conn: Any) -> None:
        self._forget(conn)
        self._cut(conn)

    def _forget(self, conn: Any) -> None:
        self._memory -= self._outgoing.pop(conn).memory
        self._poller.unregister(conn.sock)
