"""Heads of the answers that the event loop writes itself, as gunicorn writes them."""

import time
from collections.abc import Iterable
from email.utils import formatdate
from functools import cache, lru_cache
from http import HTTPStatus

from gunicorn import SERVER


def response_head(status: str, fields: Iterable[tuple[str, str]], *, keep: bool) -> bytes:
    """Return the head of an answer, with its empty line (RFC 9112, section 2.1).

    Args:
        status: The status code and its phrase.
        fields: The header fields, without `Server`, `Date` and `Connection`.
        keep: Whether the connection stays open.

    Raises:
        ValueError: A header field has more than one line.
    """
    lines = [f"{name}: {value}" for name, value in fields]
    head = (
        f"HTTP/1.1 {status}\r\nServer: {SERVER}\r\nDate: {_date(int(time.time()))}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n" + "\r\n".join(lines)
    )
    if head.count("\n") != len(lines) + 3:
        raise ValueError("a header field has more than one line")
    return head.encode("latin-1") + b"\r\n\r\n"


@cache
def status_line(status: int) -> str:
    """Return a status code and its phrase, as Flask writes them."""
    return f"{status} {HTTPStatus(status).phrase.upper()}"


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Return the date of an answer (RFC 9110, section 5.6.7), formatted once a second."""
    return formatdate(second, usegmt=True)
