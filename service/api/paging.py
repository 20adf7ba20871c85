"""Pages: opaque cursors that name the last item shown, so that rows may come and go between.

A cursor is a key and a digest that ties it to its listing: one that was cut, mistyped or
carried over from another listing is refused instead of showing the wrong rows.
"""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, request

from service.api.answers import answer, request_path
from service.domain.errors import InputError, InvalidRequest
from service.domain.model import Page

Item = TypeVar("Item")
_DIGEST = 6


def encode_cursor(listing: str, key: str) -> str:
    """Make the cursor that goes on behind `key` in `listing`."""
    return urlsafe_b64encode(_digest(listing, key) + key.encode()).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str | None) -> str | None:
    """Return the key that a cursor names, `None` for the beginning.

    Raises:
        InvalidRequest: It is none of this listing's cursors.
    """
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key = raw[_DIGEST:].decode()
        if encode_cursor(listing, key) == cursor:
            return key
    except (binascii.Error, ValueError):
        pass
    raise InvalidRequest([InputError("/cursor", "Not a cursor of this listing.")])


def page_answer(
    listing: str,
    page: Page[Item],
    key_of: Callable[[Item], str],
    show: Callable[[Item], dict[str, Any]],
) -> Response:
    """Answer with a page, and with a link to the next one if there is one (RFC 8288)."""
    cursor = encode_cursor(listing, key_of(page.items[-1])) if page.more else None
    content = {"items": [show(item) for item in page.items], "next_cursor": cursor}
    if cursor is None:
        return answer(content)
    query = urlencode({**request.args, "cursor": cursor})
    return answer(content, headers={"Link": f'<{request_path()}?{query}>; rel="next"'})


def _digest(listing: str, key: str) -> bytes:
    return hashlib.blake2b(f"{listing}\0{key}".encode(), digest_size=_DIGEST).digest()
