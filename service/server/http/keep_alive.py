"""Idle keep-alive connections, which wait for their next request (RFC 9112, section 9.3)."""

from collections.abc import Iterator
from typing import Any


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
