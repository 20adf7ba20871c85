"""Sending answers: what the kernel does not take immediately, the event loop sends.

No thread waits for a client. Each answer has a minimum speed and so a deadline, and all together
have a memory limit, beyond which the oldest are cut off.
"""

import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from selectors import EVENT_WRITE
from typing import Any, NamedTuple

from service.server.http.streaming import is_too_slow

MAX_UNSENT = 64 * 1024 * 1024
"""Most bytes of answers that a worker buffers for slow clients."""
_AT_ONCE = 16
"""Most buffers in one system call."""


class Unsent(NamedTuple):
    """The unsent rest of an answer."""

    parts: list[memoryview]
    memory: int
    """Bytes of memory that are not shared with other answers."""


def send_some(client: socket.socket, parts: Sequence[bytes | memoryview]) -> list[memoryview]:
    """Send as much as the kernel takes, and return the rest.

    Raises:
        OSError: The connection is broken.
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
    """Answers of a worker that are being sent by its event loop.

    Args:
        poller: The selector of slow clients.
        finish: Called when an answer is sent, with whether its connection stays open.
        cut: Called with a connection that is too slow or broken.
        limit: Most bytes of memory.
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
        """In the order of their beginnings."""
        self._memory = 0
        self._looked_at = 0.0

    def __len__(self) -> int:
        """Return their number."""
        return len(self._outgoing)

    def add(self, conn: Any, unsent: Unsent, *, keep: bool) -> None:
        """Add an answer whose rest is to be sent."""
        outgoing = self._outgoing[conn] = _Outgoing(unsent, keep=keep)
        self._memory += outgoing.memory
        self._poller.register(conn.sock, EVENT_WRITE, partial(self._resume, conn, outgoing))
        while self._memory > self._limit:
            self.end_oldest()

    def end_oldest(self) -> bool:
        """Cut off the oldest answer, and return whether there was one."""
        conn = next(iter(self._outgoing), None)
        if conn is not None:
            self._end(conn)
        return conn is not None

    def end_slow(self) -> None:
        """Cut off answers to slow clients; checks once a second."""
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
