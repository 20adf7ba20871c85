"""Buffered requests of a worker: their memory, and which one is dropped first."""

from typing import Any

from service.server.http.receiving import BufferedRequest

MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""Most bytes of a worker's requests, both incomplete ones and those that wait for a thread."""
_Requests = dict[Any, BufferedRequest]
"""Requests by their connections."""
MOST_LATE = 64
"""Late requests that are refused in a turn of the loop: each takes half a millisecond."""


class BufferedRequests:
    """Connections with an incomplete request, in the order of their first bytes.

    Finding the one to drop takes no longer with thousands of others.
    """

    def __init__(self, limit: int = MAX_BUFFERED_BYTES) -> None:
        self._limit = limit
        self._incomplete: _Requests = {}
        self._empty: _Requests = {}
        self._without_head: _Requests = {}
        self._with_head: _Requests = {}
        self._sizes: dict[BufferedRequest, int] = {}
        """Bytes of incomplete requests, and of complete ones that are not answered yet."""
        self._memory = 0

    def __contains__(self, conn: Any) -> bool:
        """Return whether the request of a connection is incomplete."""
        return conn in self._incomplete

    def __len__(self) -> int:
        """Return their number."""
        return len(self._incomplete)

    def add(self, conn: Any, incoming: BufferedRequest) -> None:
        """Add an incomplete request, or one of which more has arrived."""
        self._incomplete[conn] = incoming
        group = self._group(incoming)
        if conn not in group:
            self._leave_groups(conn)
            group[conn] = incoming

    def remove(self, conn: Any) -> BufferedRequest:
        """Remove a request that is complete or refused."""
        self._leave_groups(conn)
        return self._incomplete.pop(conn)

    def _group(self, incoming: BufferedRequest) -> _Requests:
        if incoming.body is not None:
            return self._with_head
        return self._without_head if incoming.has_data else self._empty

    def _leave_groups(self, conn: Any) -> None:
        for group in (self._empty, self._without_head, self._with_head):
            group.pop(conn, None)

    def measure(self, incoming: BufferedRequest) -> None:
        """Update the memory of a request."""
        size = incoming.size
        self._memory += size - self._sizes.get(incoming, 0)
        self._sizes[incoming] = size

    def release(self, incoming: BufferedRequest) -> None:
        """Release the memory of a request that is answered or refused."""
        self._memory -= self._sizes.pop(incoming, 0)

    @property
    def over_limit(self) -> bool:
        """Whether the requests take too much memory."""
        return self._memory > self._limit

    def oldest(self) -> Any | None:
        """Return the connection whose request has been in memory for longest."""
        return _oldest(self._without_head, self._with_head)

    def oldest_without_head(self) -> Any | None:
        """Return the connection whose head has been incomplete for longest."""
        return _oldest(self._empty, self._without_head)

    def late(self, now: float, allowance: float) -> list[Any]:
        """Return connections whose requests take too long, `MOST_LATE` at most."""
        found: list[Any] = []
        for conn, incoming in self._incomplete.items():
            if now - incoming.begun <= allowance or len(found) == MOST_LATE:
                break
            if incoming.is_late(now, allowance):
                found.append(conn)
        return found


def _oldest(*groups: _Requests) -> Any | None:
    """Return the connection with the oldest request of groups that are in order."""
    first = [next(iter(group.items())) for group in groups if group]
    return min(first, key=lambda each: each[1].begun)[0] if first else None
