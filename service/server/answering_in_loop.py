"""Answers of the event loop, which never waits for the client."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from gunicorn.workers.gthread import TConn

from service.server.http.response_head import response_head

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
