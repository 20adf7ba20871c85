"""Words for why a server cannot be reached: the same, whichever library or resolver reports it."""

import errno
import socket
import ssl

UNKNOWN_HOST = "unknown host"
REFUSED = "connection refused"
TIMEOUT = "connection timeout"
UNREACHABLE = "host unreachable"
LOST = "connection lost"
TLS = "TLS"
_AUTHENTICATION = "authentication failed"
_TOO_MANY = "too many connections"

_BY_TYPE: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, UNKNOWN_HOST),
    (ConnectionRefusedError, REFUSED),
    (TimeoutError, TIMEOUT),
    (ssl.SSLError, TLS),
    (ConnectionResetError, LOST),
    (BrokenPipeError, LOST),
)
_BY_NUMBER = {errno.EHOSTUNREACH: UNREACHABLE, errno.ENETUNREACH: UNREACHABLE}
_BY_TEXT = {
    "translate host name": UNKNOWN_HOST,
    "resolve host": UNKNOWN_HOST,
    "Name or service not known": UNKNOWN_HOST,  # glibc
    "name resolution": UNKNOWN_HOST,
    "No address associated": UNKNOWN_HOST,
    "Name does not resolve": UNKNOWN_HOST,  # musl
    "Try again": UNKNOWN_HOST,
    "nodename nor servname": UNKNOWN_HOST,  # macOS
    "refused": REFUSED,
    "timeout": TIMEOUT,
    "timed out": TIMEOUT,
    "No route to host": UNREACHABLE,
    "Network is unreachable": UNREACHABLE,
    "authentication failed": _AUTHENTICATION,
    "no password supplied": _AUTHENTICATION,
    "pg_hba.conf": _AUTHENTICATION,
    "too many clients": _TOO_MANY,
    "connection slots": _TOO_MANY,
    "no more connections": _TOO_MANY,  # PgBouncer
    "starting up": "starting up",
    "shutting down": "shutting down",
    "closed the connection": LOST,
    "end closed connection": LOST,
    "Connection reset": LOST,
    "SSL": TLS,
    "certificate": TLS,
    "does not exist": "no such database or role",
    "no such database": "no such database or role",  # PgBouncer
    "no such user": "no such database or role",
}
"""Reasons by parts of messages, as libpq and Redis have no codes; the first one counts."""


def reason_of(error: BaseException | None) -> str | None:
    """Return why a server cannot be reached, `None` if the error does not tell."""
    while error is not None:
        if found := _by_kind(error) or reason_in(str(error)):
            return found
        error = error.__cause__ or error.__context__
    return None


def reason_in(text: str) -> str | None:
    """Return the reason that a message tells, `None` if there is none."""
    return next((reason for part, reason in _BY_TEXT.items() if part in text), None)


def _by_kind(error: BaseException) -> str | None:
    for kind, reason in _BY_TYPE:
        if isinstance(error, kind):
            return reason
    return _BY_NUMBER.get(error.errno or 0) if isinstance(error, OSError) else None
