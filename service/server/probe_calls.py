"""Probes, which the event loop answers whatever threads, tasks and the database do.

Their clients are not ours, and often use HTTP/1.0, a connection for each request, or a query. So
gunicorn's own parser reads them.
"""

from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import TConn

from service.server.answering_in_loop import LoopWorker, answer_in_loop
from service.server.http.receiving import BufferedRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = {"GET", "HEAD"}
_PATHS = {"/livez", "/readyz"}


def take_probe(worker: LoopWorker, conn: TConn, incoming: BufferedRequest) -> bool:
    """Answer a request with a complete head if it is a probe; return whether it is.

    Bodies are not read: if one is incomplete, the connection ends.
    """
    request, body = incoming.request, incoming.body
    if request is None or request.path not in _PATHS or request.method not in _METHODS:
        return False
    may_keep = body is not None and body.ended and not request.should_close()
    conn.rest = body.rest if body is not None and may_keep else b""
    environ = _environ(request, conn)
    answer_in_loop(worker, conn, environ, lambda: may_keep and worker.may_keep())
    return True


def _environ(request: Any, conn: TConn) -> "WSGIEnvironment":
    """Return the parts of an environment that the middlewares read."""
    fields = {f"HTTP_{name.replace('-', '_')}": value for name, value in request.headers}
    return {
        **fields,
        "REMOTE_ADDR": conn.client[0],
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query or "",
    }
