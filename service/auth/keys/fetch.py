"""Fetching a document from a URL, with limits of time and size, and without redirects.

It uses `http.client`, since `urllib` would follow redirects, the environment's proxies and `file:`.
A socket timeout, here as in every client, starts again with each byte; hence the deadline.
"""

import ssl
import threading
import time
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from socket import SHUT_RDWR, socket
from urllib.parse import urlsplit

from service.auth.keys.jwks import KeysRefused
from service.domain.network_errors import reason_of

MAX_BYTES = 256 * 1024
"""Longest document that is read: a few hundred keys."""
READ_TIMEOUT_S = 5.0
"""How long the server may send nothing."""
DEADLINE_S = 10.0
"""How long the whole answer may take after the connection."""
HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    "User-Agent": "discount-service",
}


def fetch(
    url: str, read_timeout_s: float = READ_TIMEOUT_S, deadline_s: float = DEADLINE_S
) -> bytes:
    """Return the document at `url`.

    Raises:
        KeysRefused: It cannot be fetched within the limits.
    """
    try:
        with closing(_connection(url, read_timeout_s)) as connection:
            connection.connect()
            began = time.monotonic()
            watchdog = threading.Timer(deadline_s, _shut_down, [connection.sock])
            watchdog.daemon = True
            watchdog.start()
            try:
                document = _get(connection, url)
            finally:
                watchdog.cancel()
            if time.monotonic() - began >= deadline_s:
                raise TimeoutError  # what was cut can look complete
            return document
    except (OSError, HTTPException, ValueError) as error:
        raise KeysRefused(f"The URL cannot be fetched: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    kind, reason = type(error).__name__, reason_of(error)
    return f"{reason} ({kind})" if reason else kind


def _connection(url: str, read_timeout_s: float) -> HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        # OpenSSL's trust store; SSL_CERT_FILE and SSL_CERT_DIR can name a private authority.
        context = ssl.create_default_context()
        return HTTPSConnection(host, parts.port, timeout=read_timeout_s, context=context)
    return HTTPConnection(host, parts.port, timeout=read_timeout_s)


def _get(connection: HTTPConnection, url: str) -> bytes:
    """Send the request and read the answer.

    Raises:
        KeysRefused: The status is not 200, or the answer is too long.
        IncompleteRead: The answer is shorter than its Content-Length.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers=HEADERS)
    with connection.getresponse() as response:
        if response.status != HTTPStatus.OK:  # a redirect could lead anywhere
            raise KeysRefused(f"The URL answers with status {response.status}.")
        document = response.read(MAX_BYTES + 1)
    if len(document) > MAX_BYTES:
        raise KeysRefused(f"The URL answers with more than {MAX_BYTES} bytes.")
    if response.length:
        raise IncompleteRead(document, response.length)  # http.client says so for read() alone
    return document


def _shut_down(connected: socket) -> None:
    """Shut down a connection that another thread reads from."""
    with suppress(OSError):
        connected.shutdown(SHUT_RDWR)
