"""Plain requests: read from their bytes without a general parser.

What is read here is a small part of HTTP/1.1 (RFC 9112), which callers nearly always send: one
head with nothing behind it, with fields that stand once and change nothing about the connection.
Whatever is not exactly so is left to gunicorn's parser, which knows the rest.
"""

import io
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gunicorn import SERVER_SOFTWARE
from gunicorn.workers.gthread import TConn

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_HEAD = 8190
"""Bytes; longer heads go to gunicorn, which says what is too long."""
# No percent sign, query or fragment; no field without a value, with spaces behind it, or continued.
_HEAD = re.compile(
    r"([A-Z]{3,20}) (/[A-Za-z0-9/._~!$&'()*+,;=:@-]*) HTTP/1\.1\r\n"
    r"((?:[A-Za-z][A-Za-z0-9-]*: ?[!-~](?:[ -~]*[!-~])?\r\n){1,64})\r\n"
)
_FIELD = re.compile(r"([^:]+): ?([^\r]+)\r\n")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_HARMLESS = {"HTTP_CONNECTION": "keep-alive", "CONTENT_LENGTH": "0"}
"""Fields about the connection or the body, and the only value that needs nothing to be done."""
_LEFT_TO_GUNICORN = {
    "HTTP_EXPECT",
    "HTTP_HTTP2_SETTINGS",
    "HTTP_TE",
    "HTTP_TRAILER",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_UPGRADE",
}


def read_plain(held: bytes, connection: TConn) -> "WSGIEnvironment | None":
    """Read a request.

    Args:
        held: All that has arrived.
        connection: From where.

    Returns:
        What WSGI calls an environment (PEP 3333); `None` if this is not one plain request.
    """
    head = _HEAD.fullmatch(held.decode("latin-1")) if len(held) <= MAX_HEAD else None
    if head is None:
        return None
    method, path, block = head.groups()
    pairs = _FIELD.findall(block)
    fields = {_key(name): value for name, value in pairs}
    if (
        len(fields) < len(pairs)
        or not _HOST.fullmatch(fields.get("HTTP_HOST", ""))
        or not _LEFT_TO_GUNICORN.isdisjoint(fields)
        or any(fields.get(name, value).lower() != value for name, value in _HARMLESS.items())
    ):
        return None
    return {
        **_ALWAYS,
        "wsgi.input": io.BytesIO(),
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "RAW_URI": path,
        "REMOTE_ADDR": connection.client[0],
        "REMOTE_PORT": str(connection.client[1]),
        "SERVER_NAME": connection.server[0],
        "SERVER_PORT": str(connection.server[1]),
        **fields,
    }


_ALWAYS: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.errors": io.StringIO(),  # nobody writes there: the service has a log
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "SERVER_SOFTWARE": SERVER_SOFTWARE,
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
}


@lru_cache(maxsize=256)
def _key(name: str) -> str:
    """Write a field's name as WSGI has it."""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"
