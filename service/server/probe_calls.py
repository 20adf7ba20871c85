"""The probes, answered by the event loop whatever threads, tasks and the database do.

Whoever asks them is no browser and no client of ours: HTTP/1.0, a connection for each request and
a query are all usual. So it is gunicorn's own parser that has read them.
"""

from typing import TYPE_CHECKING, Any, Protocol

from gunicorn.workers.gthread import TConn

from service.server.fast_path.request import answer_plain
from service.server.http.receiving import Incoming

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = {"GET", "HEAD"}
_PATHS = {"/livez", "/readyz"}


class Worker(Protocol):
    """Who has the connections, and the event loop."""

    wsgi: Any

    def may_keep(self) -> bool:
        """Say whether a connection may stay open once it is answered."""

    def deliver(self, conn: TConn, answer: bytes, *, keep: bool) -> None:
        """Send an answer without waiting for the client, then keep the connection or end it."""

    def fail(self, conn: TConn, error: Exception, environ: "WSGIEnvironment") -> None:
        """Answer a request that failed outside the application."""


def take_probe(worker: Worker, conn: TConn, incoming: Incoming) -> bool:
    """Answer a request whose head is whole, if it asks a probe; return whether it does.

    Nobody reads a body: where one is still to come, the connection ends.
    """
    request, body = incoming.request, incoming.body
    if request is None or request.path not in _PATHS or request.method not in _METHODS:
        return False
    may_keep = body is not None and body.ended and not request.should_close()
    conn.rest = body.rest if body is not None and may_keep else b""
    environ = _environ(request)
    try:
        answer, keep = answer_plain(worker.wsgi, environ, lambda: may_keep and worker.may_keep())
    except Exception as error:  # noqa: BLE001 - whatever it is, the client is told in there
        worker.fail(conn, error, environ)
    else:
        worker.deliver(conn, answer, keep=keep)
    return True


def _environ(request: Any) -> "WSGIEnvironment":
    """Return what the middlewares before the probes read."""
    fields = {f"HTTP_{name.replace('-', '_')}": value for name, value in request.headers}
    return {
        **fields,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query or "",
    }
