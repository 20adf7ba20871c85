"""The requests of a worker that are arriving: how much memory they may take, and who goes first."""

from collections.abc import Iterator
from typing import Any

from service.server.http.receiving import BufferedRequest

MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""Bytes of requests that one worker keeps: of those that arrive, and of those that wait."""


class BufferedRequests:
    """The connections whose next request is arriving, in the order in which that began."""

    def __init__(self, limit: int = MAX_BUFFERED_BYTES) -> None:
        self._limit = limit
        self._incomplete: dict[Any, BufferedRequest] = {}
        self._sizes: dict[BufferedRequest, int] = {}
        """Of those that arrive, and of those that have arrived and are not answered."""
        self._memory = 0

    def __contains__(self, conn: Any) -> bool:
        """Say whether more of its request is waited for."""
        return conn in self._incomplete

    def __len__(self) -> int:
        """Count them."""
        return len(self._incomplete)

    def add(self, conn: Any, incoming: BufferedRequest) -> None:
        """Wait for more of a request."""
        self._incomplete[conn] = incoming

    def remove(self, conn: Any) -> BufferedRequest:
        """Wait no longer."""
        return self._incomplete.pop(conn)

    def measure(self, incoming: BufferedRequest) -> None:
        """Note how much memory a request takes now."""
        size = incoming.size
        self._memory += size - self._sizes.get(incoming, 0)
        self._sizes[incoming] = size

    def release(self, incoming: BufferedRequest) -> None:
        """Note that a request is answered, or refused."""
        self._memory -= self._sizes.pop(incoming, 0)

    @property
    def over_limit(self) -> bool:
        """Whether they take more memory than they may."""
        return self._memory > self._limit

    def oldest(self) -> Any | None:
        """Return the connection whose request takes memory for the longest time."""
        return next((conn for conn, each in self._incomplete.items() if each.size), None)

    def oldest_without_head(self) -> Any | None:
        """Return the connection that has sent no whole head for the longest time."""
        return next((conn for conn, each in self._incomplete.items() if each.body is None), None)

    def late(self, now: float, allowance: float) -> list[Any]:
        """Return the connections whose request takes too long."""
        found = []
        for conn, incoming in self._incomplete.items():
            if now - incoming.begun <= allowance:
                break
            if incoming.is_late(now, allowance):
                found.append(conn)
        return found


class IdleConnections:
    """The kept connections that wait for a request: a queue from which any of them may leave.

    Gunicorn's own is a deque, in which finding one among thousands takes as long as a call.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, None] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Any]:
        """Go through them, the longest waiting first."""
        return iter(self._waiting)

    def __getitem__(self, index: int) -> Any:
        """Return the one that has waited longest; nobody asks for another."""
        return next(iter(self._waiting))

    def append(self, conn: Any) -> None:
        """Let one wait."""
        self._waiting[conn] = None

    def remove(self, conn: Any) -> None:
        """Let one go."""
        del self._waiting[conn]

    def popleft(self) -> Any:
        """Let the one go that has waited longest."""
        conn = self[0]
        del self._waiting[conn]
        return conn
