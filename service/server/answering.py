"""Answering a request in a thread, which never waits for the client.

The answer is written into memory, and sent as far as the kernel takes it; the event loop sends the
rest (`http/sending.py`). Only a transfer is written while the thread waits, at a pace
(`http/streaming.py`).
"""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gunicorn.config import Config
from gunicorn.http.wsgi import FileWrapper, Response, create

from service.api.body_state import STREAM, BodyAwaited
from service.auth.authentication import CALLER
from service.observability.exchange import EXCHANGE
from service.server.http.receiving import BufferedRequest
from service.server.http.sending import Unsent, send_some
from service.server.http.streaming import CONTINUE, PacedSocket, UnreceivedBody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_KEPT = (EXCHANGE, CALLER)
"""What stays of the environment when the application is asked again."""
LARGEST_SHARED = 4 * 1024 * 1024
"""Bytes of a file that is kept in memory once for all who ask for it."""


class Outcome(NamedTuple):
    """How an answer went."""

    unsent: Unsent
    keep: bool
    """Whether the connection stays open, as the answer has said."""


class AnswerCutError(Exception):
    """An answer could not be sent whole: the connection must be reset, or it would look whole."""

    @property
    def fault(self) -> BaseException | None:
        """What failed on this side; `None` where it was the client that did."""
        cause = self.__cause__
        return cause.__cause__ if isinstance(cause, OSError) else cause


class AnswerBuffer:
    """Stands in for the socket: keeps what gunicorn writes, or sends it at the client's pace."""

    def __init__(self, client: PacedSocket) -> None:
        self._client = client
        self.parts: list[bytes] = []
        self.streams = False

    def sendall(self, data: bytes) -> None:
        """Write a part of the answer."""
        if self.streams:
            self._client.sendall(data)
        else:
            self.parts.append(data)


def answer_request(
    app: "WSGIApplication",
    config: Config,
    conn: Any,
    incoming: BufferedRequest,
    may_keep: Callable[[], bool],
) -> Outcome:
    """Have an application answer a request.

    Args:
        app: The application.
        config: Gunicorn's.
        conn: Where the request came from.
        incoming: The request; its body may still be arriving.
        may_keep: Tells, once there is an answer, whether the connection may stay open.

    Raises:
        BodyAwaited: The application wants the body, of which not all is there.
        AnswerCutError: The answer has begun and cannot be ended.
        Exception: Whatever the application raised before its answer began.
    """
    assert incoming.body is not None  # noqa: S101 - for the type checker
    client = PacedSocket(conn.sock)
    buffer = AnswerBuffer(client)
    response, environ = _prepare(config, conn, incoming, client, buffer)
    try:
        parts = app(environ, response.start_response)
    except BodyAwaited:
        incoming.kept = {name: environ[name] for name in _KEPT if name in environ}
        raise
    try:
        with _closing(parts):
            if not incoming.body.ended or not may_keep():
                response.force_close()  # before the head is written: an answer says what will be
            shared = _write(response, parts, buffer)
    except Exception as error:
        if buffer.streams:  # also where only the closing failed: nothing may follow a part
            raise AnswerCutError from error
        raise
    try:
        left = send_some(conn.sock, buffer.parts)
    except OSError as error:
        raise AnswerCutError from error
    return Outcome(Unsent(left, sum(map(len, left)) - shared), not response.should_close())


@contextmanager
def _closing(parts: Iterable[bytes]) -> Iterator[None]:
    """Close what an application has returned, as WSGI wants it (PEP 3333)."""
    try:
        yield
    finally:
        if close := getattr(parts, "close", None):
            close()


def _prepare(
    config: Config, conn: Any, incoming: BufferedRequest, client: PacedSocket, buffer: AnswerBuffer
) -> tuple[Response, "WSGIEnvironment"]:
    """Make what gunicorn has for a request, with a body that waits for nobody."""
    request, body = incoming.request, incoming.body
    assert request is not None  # noqa: S101 - for the type checker
    assert body is not None  # noqa: S101
    response, environ = create(request, buffer, conn.client, conn.server, config)
    environ["gunicorn.socket"] = conn.sock  # for its options alone: nobody writes but us
    del environ["wsgi.early_hints"]
    environ["wsgi.multithread"] = True
    environ.update(incoming.kept)
    if incoming.is_whole:
        environ["wsgi.input"] = io.BytesIO(body.content)
        return response, environ

    def ask() -> None:
        if incoming.awaits_continue and not incoming.received:
            client.sendall(CONTINUE)

    unreceived = UnreceivedBody(body, client.receive, ask)
    environ["wsgi.input"] = unreceived
    environ[STREAM] = unreceived.stream
    return response, environ


def _write(response: Response, parts: Iterable[bytes], buffer: AnswerBuffer) -> int:
    """Write an answer, and return how much of it is memory that others share."""
    if isinstance(parts, FileWrapper):
        content, shared = file_content(parts.filelike)
        response.write(content)
        response.close()
        return len(content) if shared else 0
    buffer.streams = response.response_length is None and not response._omits_body  # noqa: SLF001
    for part in parts:
        response.write(part)
    response.close()
    return 0


def file_content(file: Any) -> tuple[bytes, bool]:
    """Return what a file has from here on, and whether others share that memory."""
    with suppress(OSError, AttributeError, TypeError):
        about = os.fstat(file.fileno())
        if about.st_size <= LARGEST_SHARED and not file.tell():
            return _shared(os.fspath(file.name), about.st_mtime_ns, about.st_size), True
    return file.read(), False


@lru_cache(maxsize=32)
def _shared(path: str, _modified_ns: int, _size: int) -> bytes:
    return Path(path).read_bytes()
