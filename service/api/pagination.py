"""Pages: opaque cursors that name the last item shown, so that rows may come and go between.

A cursor travels in URLs, which proxies log, and the last item may be a secret code: so it is
encrypted. It is also tied to its listing: one that was cut, mistyped or carried over from
another listing is refused instead of showing the wrong rows.
"""

import hashlib
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from flask import Response, request

from service.api.answers import answer, request_path
from service.call import deadlines
from service.domain.errors import InputError, InvalidRequest, Unavailable
from service.domain.model import Page

Item = TypeVar("Item")

PAGES_AT_ONCE = 2
"""Pages that a process reads at the same time.

More would be no faster, as one thread runs at a time, and would starve the event loop: sqlite3
releases the interpreter with each row, and the loop with each system call, and each then waits
behind all other threads that read.
"""
_pages = threading.BoundedSemaphore(PAGES_AT_ONCE)


@contextmanager
def page_slot() -> Iterator[None]:
    """Wait until a page may be read.

    Raises:
        Unavailable: That takes too long.
    """
    if not _pages.acquire(timeout=deadlines.left(deadlines.ANSWER_WITHIN_S)):
        raise Unavailable
    try:
        yield
    finally:
        _pages.release()


class Cursors:
    """Makes and reads cursors, with AES-SIV (RFC 5297): no nonce, so a page's is always the same.

    Args:
        key: A secret; cursors made with one key are good for nothing under another.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(hashlib.sha256(b"cursors" + key).digest())

    def encode(self, listing: str, key: str) -> str:
        """Make the cursor that goes on behind `key` in `listing`."""
        return _as_text(self._cipher.encrypt(key.encode(), [listing.encode()]))

    def decode(self, listing: str, cursor: str | None) -> str | None:
        """Return the key that a cursor names, `None` for the beginning.

        Raises:
            InvalidRequest: It is none of this listing's cursors.
        """
        if cursor is None:
            return None
        try:
            return self._cipher.decrypt(_as_bytes(cursor), [listing.encode()]).decode()
        except (InvalidTag, ValueError) as error:
            fault = InputError("/cursor", "Not a cursor of this listing.")
            raise InvalidRequest([fault]) from error

    def page(
        self,
        listing: str,
        page: Page[Item],
        key_of: Callable[[Item], str],
        show: Callable[[Item], dict[str, Any]],
    ) -> Response:
        """Answer with a page, and with a link to the next one if there is one (RFC 8288)."""
        cursor = self.encode(listing, key_of(page.items[-1])) if page.more else None
        content = {"items": [show(item) for item in page.items], "next_cursor": cursor}
        if cursor is None:
            return answer(content)
        query = urlencode({**request.args, "cursor": cursor})
        return answer(content, headers={"Link": f'<{request_path()}?{query}>; rel="next"'})


def _as_text(sealed: bytes) -> str:
    """Write bytes for a URL (RFC 4648, section 5)."""
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _as_bytes(text: str) -> bytes:
    """Read them back, strictly: the decoder itself skips foreign characters and spare bits.

    Raises:
        ValueError: No bytes are written like this.
    """
    sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _as_text(sealed) != text:
        raise ValueError
    return sealed
