"""A parser for the requests of fast-path calls.

It accepts a small subset of HTTP/1.1 (RFC 9112) that callers nearly always send: a head without a
body or another request after it, whose fields occur once and do not affect the connection.
gunicorn's parser reads all other requests.
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
"""Longest head in bytes; gunicorn's parser refuses longer ones with a reason."""
# No percent sign, query or fragment; no field with an empty value, trailing spaces or continuation.
_HEAD = re.compile(
    r"([A-Z]{3,20}) (/[A-Za-z0-9/._~!$&'()*+,;=:@-]*) HTTP/1\.1\r\n"
    r"((?:[A-Za-z][A-Za-z0-9-]*: ?[!-~](?:[ -~]*[!-~])?\r\n){1,64})\r\n"
)
_FIELD = re.compile(r"([^:]+): ?([^\r]+)\r\n")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_HARMLESS = {"HTTP_CONNECTION": "keep-alive", "CONTENT_LENGTH": "0"}
"""Fields about the connection or the body, with the only value that needs no action."""
_LEFT_TO_GUNICORN = {
    "HTTP_EXPECT",
    "HTTP_HTTP2_SETTINGS",
    "HTTP_TE",
    "HTTP_TRAILER",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_UPGRADE",
}


def parse_request(held: bytes, connection: TConn) -> "WSGIEnvironment | None":
    """Parse a request.

    Args:
        held: The bytes received.
        connection: The connection that they came from.

    Returns:
        The WSGI environment (PEP 3333); `None` if gunicorn's parser has to read the request.
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
    "wsgi.errors": io.StringIO(),  # unused: the service has a log
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
