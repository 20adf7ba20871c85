"""Pages of a listing, with the cursor of the next page."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from service.api.cursors import Cursors
from service.api.reply import Reply, encoded_path
from service.domain.errors import Unavailable
from service.domain.model import Page
from service.usecases import deadlines

Item = TypeVar("Item")

PAGES_AT_ONCE = 2
"""Pages that a process reads at the same time.

More would not be faster, as only one thread runs at a time, and would starve the event loop:
sqlite3 releases the interpreter lock with each row, and the loop with each system call, and then
waits behind all threads that read.
"""
_pages = threading.BoundedSemaphore(PAGES_AT_ONCE)


@contextmanager
def page_slot() -> Iterator[None]:
    """Wait until a page may be read.

    Raises:
        Unavailable: The wait is too long.
    """
    if not _pages.acquire(timeout=deadlines.left(deadlines.ANSWER_TIMEOUT_S)):
        raise Unavailable
    try:
        yield
    finally:
        _pages.release()


def reply_page(
    cursors: Cursors,
    listing: str,
    page: Page[Item],
    key_of: Callable[[Item], str],
    show: Callable[[Item], dict[str, Any]],
) -> Reply:
    """Reply with a page, and with a link to the next one if there is one (RFC 8288)."""
    cursor = cursors.encode(listing, key_of(page.items[-1])) if page.more else None
    content = {"items": [show(item) for item in page.items], "next_cursor": cursor}
    if cursor is None:
        return Reply(content)
    query = urlencode({**request.args, "cursor": cursor})
    link = f'<{encoded_path(request.path)}?{query}>; rel="next"'
    return Reply(content, headers=(("Link", link),))
