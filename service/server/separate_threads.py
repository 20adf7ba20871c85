"""Which requests have threads of their own: pages of a listing, and transfers of lists.

A page of a thousand codes takes as long as dozens of other calls, and an import may be megabytes.
Whoever lists or imports again and again waits for others who do the same, even to be refused, and
holds no thread meanwhile that somebody else needs.
"""

import re
from collections.abc import Collection, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from flask import Flask

from service.api.operation import Operation
from service.api.routes import served_operations
from service.api.schemas.requests import PageQuery
from service.api.transfers.admission import places_of

PAGES_AT_ONCE = 2
"""Pages that a process reads at the same time.

More would not be faster, as only one thread runs at a time, and would starve the event loop:
sqlite3 releases the interpreter lock with each row, and the loop with each system call, and then
waits behind all threads that read.
"""
REFUSED_AT_ONCE = 2
"""Transfers that a process refuses at the same time, beside those that it accepts."""
_PARAMETER = re.compile(r"\{\w+\}")


def shared_threads(threads: int) -> Executor:
    """Return the threads for all other requests.

    Those of transfers are subtracted, as a transfer holds a connection to the database, and each
    process has one for each of its threads. Whoever is refused needs none.
    """
    return ThreadPoolExecutor(max(1, threads - places_of(threads)))


class SeparateThreads:
    """The threads for requests that read a page or transfer a list.

    Args:
        app: The application; its operations name the paths.
        transfers: How many transfers the process accepts at the same time.
    """

    def __init__(self, app: Flask, transfers: int) -> None:
        operations = served_operations(app)
        self._groups = (
            _Group(
                PAGES_AT_ONCE,
                {"GET", "HEAD"},
                (each for each in operations if issubclass(each.query, PageQuery)),
            ),
            _Group(
                transfers + REFUSED_AT_ONCE,
                {"GET", "POST"},
                (each for each in operations if each.transfers),
            ),
        )

    def for_request(self, request: Any) -> Executor | None:
        """Return the threads for a request, as gunicorn has parsed it, if it has its own."""
        for group in self._groups:
            if group.has(request):
                return group.threads
        return None


class _Group:
    """Operations that share threads."""

    def __init__(
        self, threads: int, methods: Collection[str], operations: Iterable[Operation]
    ) -> None:
        self.threads = ThreadPoolExecutor(threads)
        self._methods = methods
        self._paths = re.compile(
            "|".join(_PARAMETER.sub("[^/]+", each.path) for each in operations)
        )

    def has(self, request: Any) -> bool:
        """Return whether a request is for one of the operations."""
        return request.method in self._methods and self._paths.fullmatch(request.path) is not None
