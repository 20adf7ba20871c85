"""Answers of the event loop, which never waits for the client."""

import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from gunicorn import SERVER
from gunicorn.workers.gthread import TConn

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class LoopWorker(Protocol):
    """A worker with connections and an event loop."""

    wsgi: Any

    def may_keep(self) -> bool:
        """Return whether a connection may stay open after its answer."""

    def deliver(self, conn: TConn, answer: bytes, *, keep: bool) -> None:
        """Send an answer without waiting for the client, then keep the connection or end it."""

    def fail(self, conn: TConn, error: Exception, environ: "WSGIEnvironment") -> None:
        """Answer a request that failed outside the application."""


def answer_in_loop(
    worker: LoopWorker, conn: TConn, environ: "WSGIEnvironment", may_keep: Callable[[], bool]
) -> None:
    """Let the application of a worker answer a request.

    Args:
        worker: The worker of the connection.
        conn: The connection of the request.
        environ: The WSGI environment of the request.
        may_keep: Called when there is an answer: whether the connection may stay open.
    """
    try:
        answer, keep = answer_in_memory(worker.wsgi, environ, may_keep)
    except Exception as error:  # noqa: BLE001 - the client gets a problem
        worker.fail(conn, error, environ)
    else:
        worker.deliver(conn, answer, keep=keep)


def answer_in_memory(
    app: "WSGIApplication", environ: "WSGIEnvironment", may_keep: Callable[[], bool]
) -> tuple[bytes, bool]:
    """Let an application answer a request.

    Args:
        app: The application, whose answers have a Content-Length.
        environ: The WSGI environment of the request.
        may_keep: Called when there is an answer: whether the connection may stay open.

    Returns:
        The answer as gunicorn would write it, and whether it says that the connection stays open.

    Raises:
        ValueError: A header field has more than one line.
        Exception: Whatever the application raised.
    """
    started: list[Any] = []

    def start_response(
        status: str, fields: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], Any]:
        started[:] = status, fields
        return _not_supported

    parts = app(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        if close := getattr(parts, "close", None):
            close()
    keep = may_keep()
    lines = [f"{name}: {value}" for name, value in started[1]]
    head = (
        f"HTTP/1.1 {started[0]}\r\nServer: {SERVER}\r\nDate: {_date(int(time.time()))}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n" + "\r\n".join(lines)
    )
    if head.count("\n") != len(lines) + 3:
        raise ValueError("a header field has more than one line")
    return head.encode("latin-1") + b"\r\n\r\n" + body, keep


def _not_supported(_: bytes) -> None:
    """Refuse what PEP 3333 has for old frameworks."""
    raise NotImplementedError


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Write the time (RFC 9110, section 5.6.7), once a second."""
    return formatdate(second, usegmt=True)
