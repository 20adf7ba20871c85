"""The probes, answered by the event loop whatever threads, tasks and the database do.

Whoever asks them is no browser and no client of ours: HTTP/1.0, a connection for each request and
a query are all usual. So gunicorn's own parser reads them.
"""

import re
from typing import TYPE_CHECKING, Any, Protocol

from gunicorn.workers.gthread import TConn

from service.plain_http import answer_plain

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PROBE = re.compile(rb"(?:GET|HEAD) /(?:livez|readyz)(?:\?[^ \r\n]*)? HTTP/1\.[01]\r\n")
_END = b"\r\n\r\n"
_NO_BODY = {"CONTENT-LENGTH": "0"}


class Worker(Protocol):
    """Who has the connections, and the event loop."""

    wsgi: Any
    method_queue: Any

    def may_keep(self) -> bool:
        """Say whether a connection may stay open once it is answered."""

    def keep(self, conn: TConn) -> None:
        """Wait for the next request of a connection."""

    def leave(self, conn: TConn) -> None:
        """End a connection whose last answer is sent."""

    def cut(self, conn: TConn) -> None:
        """End a connection that did not take its answer."""

    def enqueue_req(self, conn: TConn) -> None:
        """Receive the next request of a connection."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that cannot be read."""


def take_probe(worker: Worker, conn: TConn, held: bytes) -> bool:
    """Answer a request that has arrived, if it asks a probe; return whether it does."""
    if _PROBE.match(held) is None or _END not in held:
        return False
    conn.parser.unreader.unread(held)
    try:
        request = next(conn.parser)
        keep = not request.should_close() and not _has_body(request)
        answer, keep = answer_plain(
            worker.wsgi, _environ(request), lambda: keep and worker.may_keep()
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the client is told in there
        worker.handle_error(None, conn.sock, conn.client, error)
        worker.leave(conn)
        return True
    _send(worker, conn, answer, keep=keep)
    return True


def _send(worker: Worker, conn: TConn, answer: bytes, *, keep: bool) -> None:
    """Send an answer, and go on with the connection; an answer this short needs no second try."""
    try:
        sent = conn.sock.send(answer)  # it does not block
    except OSError:
        sent = 0
    if sent < len(answer):
        worker.cut(conn)
    elif not keep:
        worker.leave(conn)
    elif conn.parser.unreader.buf.getvalue():  # the next request came along
        worker.method_queue.defer(worker.enqueue_req, conn)
    else:
        worker.keep(conn)


def _has_body(request: Any) -> bool:
    """Say whether something follows the head; nobody reads it, so the connection ends."""
    return any(
        name == "TRANSFER-ENCODING" or _NO_BODY.get(name, value) != value
        for name, value in request.headers
    )


def _environ(request: Any) -> "WSGIEnvironment":
    """Return what the middlewares before the probes read."""
    fields = {f"HTTP_{name.replace('-', '_')}": value for name, value in request.headers}
    return {
        **fields,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query or "",
    }
