"""Answers of the event loop, which never waits for the client: how they are made and encoded."""

import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import cache, lru_cache
from http import HTTPStatus
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
        answer = buffered_answer(worker.wsgi, environ)
        keep = may_keep()
        content = answer.encoded(keep=keep)
    except Exception as error:  # noqa: BLE001 - the client gets a problem
        worker.fail(conn, error, environ)
    else:
        worker.deliver(conn, content, keep=keep)


class BufferedAnswer:
    """An answer in memory."""

    __slots__ = ("_body", "_fields", "_status")

    def start_response(
        self, status: str, fields: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], Any]:
        """Begin the answer (PEP 3333)."""
        self._status, self._fields = status, fields
        return _not_supported

    def end(self, parts: Iterable[bytes]) -> None:
        """Buffer the body, and close its source."""
        try:
            self._body = b"".join(parts)
        finally:
            if close := getattr(parts, "close", None):
                close()

    def encoded(self, *, keep: bool) -> bytes:
        """Return the answer as gunicorn would write it.

        Args:
            keep: Whether it says that the connection stays open.

        Raises:
            ValueError: A header field has more than one line.
        """
        return response_head(self._status, self._fields, keep=keep) + self._body


def buffered_answer(app: "WSGIApplication", environ: "WSGIEnvironment") -> BufferedAnswer:
    """Let an application answer a request.

    Args:
        app: The application, whose answers have a Content-Length.
        environ: The WSGI environment of the request.

    Raises:
        Exception: Whatever the application raised.
    """
    answer = BufferedAnswer()
    answer.end(app(environ, answer.start_response))
    return answer


def _not_supported(_: bytes) -> None:
    """Refuse the `write` callable that PEP 3333 has for old frameworks."""
    raise NotImplementedError


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
