"""Which requests read a page of a listing: they have a few threads of their own.

A page of a thousand codes takes as long as dozens of other calls. Whoever lists again and again
waits for others who list, and holds no thread meanwhile that somebody else needs.
"""

import re
from collections.abc import Callable
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


def page_calls(app: Flask) -> Callable[[Any], bool]:
    """Return what says whether a request, as gunicorn has parsed it, asks for a page."""
    listings = [each for each in served_operations(app) if issubclass(each.query, PageQuery)]
    paths = re.compile("|".join(_PARAMETER.sub("[^/]+", each.path) for each in listings))

    def asks_for_page(request: Any) -> bool:
        return request.method in _METHODS and paths.fullmatch(request.path) is not None

    return asks_for_page
