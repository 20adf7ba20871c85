"""Fetching a document from a URL within limits: time, size, and no other place than that.

The standard library's own client: `urllib` would follow redirects, the environment's proxies
and `file:`; and a time-out of a socket, there as in every client, begins anew with each byte.
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

MAX_BYTES = 256 * 1024
"""Longest document that is read: some hundred keys."""
SILENCE_S = 5.0
"""How long the server may say nothing."""
DEADLINE_S = 10.0
"""How long it may take to say it all, once it is connected."""
HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    "User-Agent": "discount-service",
}


def fetch(url: str, silence_s: float = SILENCE_S, deadline_s: float = DEADLINE_S) -> bytes:
    """Return what is at `url`.

    Raises:
        KeysRefused: It cannot be had within the limits.
    """
    try:
        with closing(_connection(url, silence_s)) as connection:
            connection.connect()
            began = time.monotonic()
            cut = threading.Timer(deadline_s, _cut, [connection.sock])
            cut.daemon = True
            cut.start()
            try:
                document = _get(connection, url)
            finally:
                cut.cancel()
            if time.monotonic() - began >= deadline_s:
                raise TimeoutError  # what was cut can look complete
            return document
    except (OSError, HTTPException, ValueError) as error:
        raise KeysRefused(f"The URL cannot be fetched: {type(error).__name__}.") from error


def _connection(url: str, silence_s: float) -> HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        # Trusts what OpenSSL does: SSL_CERT_FILE and SSL_CERT_DIR name an authority of one's own.
        context = ssl.create_default_context()
        return HTTPSConnection(host, parts.port, timeout=silence_s, context=context)
    return HTTPConnection(host, parts.port, timeout=silence_s)


def _get(connection: HTTPConnection, url: str) -> bytes:
    """Ask and read.

    Raises:
        KeysRefused: The answer is another than 200, or too long.
        IncompleteRead: It is shorter than it said.
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


def _cut(connected: socket) -> None:
    """End a connection under whoever reads from it."""
    with suppress(OSError):
        connected.shutdown(SHUT_RDWR)
