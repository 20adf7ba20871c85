"""Requests for pages of listings, which have a few threads of their own.

A page of a thousand codes takes as long as dozens of other calls. Callers that list repeatedly wait
for each other, and meanwhile hold no thread that others need.
"""

import re
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from flask import Flask

from service.api.routes import served_operations
from service.api.schemas.requests import PageQuery

PAGES_AT_ONCE = 2
"""Pages that a process reads at the same time.

More would not be faster, as only one thread runs at a time, and would starve the event loop:
sqlite3 releases the interpreter lock with each row, and the loop with each system call, and then
waits behind all threads that read.
"""
_METHODS = {"GET", "HEAD"}
_PARAMETER = re.compile(r"\{\w+\}")


class PageThreads:
    """The threads for requests that read a page.

    Args:
        app: The application; its operations name the paths.
    """

    def __init__(self, app: Flask) -> None:
        listings = [each for each in served_operations(app) if issubclass(each.query, PageQuery)]
        self._paths = re.compile("|".join(_PARAMETER.sub("[^/]+", each.path) for each in listings))
        self._threads = ThreadPoolExecutor(PAGES_AT_ONCE)

    def for_request(self, request: Any) -> Executor | None:
        """Return the threads for a request, as gunicorn has parsed it, if it asks for a page."""
        pages = request.method in _METHODS and self._paths.fullmatch(request.path) is not None
        return self._threads if pages else None
