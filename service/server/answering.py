"""Answers of threads, which never wait for the client.

An answer is buffered in memory, and sent as far as the kernel takes it; the event loop sends the
rest (`http/sending.py`). A thread waits only while it sends a transfer, whose client must be fast
enough (`http/streaming.py`).
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

from service.api.transfers.uploads import STREAM
from service.auth.authentication import CALLER
from service.observability.exchange import EXCHANGE, BodyAwaited
from service.server.http.receiving import BufferedRequest
from service.server.http.sending import Unsent, send_some
from service.server.http.streaming import CONTINUE, PacedSocket, UnreceivedBody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_KEPT = (EXCHANGE, CALLER)
"""Keys of the environment that are kept until the application is called again."""
LARGEST_SHARED = 4 * 1024 * 1024
"""Largest file in bytes that is cached in memory and shared by its requests."""


class Outcome(NamedTuple):
    """The result of answering a request."""

    unsent: Unsent
    keep: bool
    """Whether the connection stays open, as the answer says."""


class FileContent(NamedTuple):
    """The content of a file in memory."""

    content: bytes
    shared: bool
    """Whether other requests use the same memory."""


class AnswerCutError(Exception):
    """An answer is incomplete: the connection must be reset, or the answer would look complete."""

    @property
    def fault(self) -> BaseException | None:
        """The error on this side; `None` if the client failed."""
        cause = self.__cause__
        return cause.__cause__ if isinstance(cause, OSError) else cause


class AnswerBuffer:
    """A stand-in for the socket, which buffers what gunicorn writes, or streams it."""

    def __init__(self, client: PacedSocket) -> None:
        self._client = client
        self.parts: list[bytes] = []
        self.streams = False

    def sendall(self, data: bytes) -> None:
        """Buffer or send a part of the answer."""
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
    """Let an application answer a request.

    Args:
        app: The application.
        config: gunicorn's configuration.
        conn: The connection of the request.
        incoming: The request, whose body may be incomplete.
        may_keep: Called when there is an answer: whether the connection may stay open.

    Raises:
        BodyAwaited: The application wants the body, which is incomplete.
        AnswerCutError: The answer has begun and cannot be completed.
        Exception: The application failed before its answer began.
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
                response.force_close()  # before the head, which announces it
            shared = _write(response, parts, buffer)
    except Exception as error:
        if buffer.streams:  # even if only `close` failed: nothing may follow
            raise AnswerCutError from error
        raise
    try:
        left = send_some(conn.sock, buffer.parts)
    except OSError as error:
        raise AnswerCutError from error
    return Outcome(Unsent(left, sum(map(len, left)) - shared), not response.should_close())


@contextmanager
def _closing(parts: Iterable[bytes]) -> Iterator[None]:
    """Close the application's iterable, as WSGI requires (PEP 3333)."""
    try:
        yield
    finally:
        if close := getattr(parts, "close", None):
            close()


def _prepare(
    config: Config, conn: Any, incoming: BufferedRequest, client: PacedSocket, buffer: AnswerBuffer
) -> tuple[Response, "WSGIEnvironment"]:
    """Return gunicorn's response and environment, with a body that never blocks."""
    request, body = incoming.request, incoming.body
    assert request is not None  # noqa: S101 - for the type checker
    assert body is not None  # noqa: S101
    response, environ = create(request, buffer, conn.client, conn.server, config)
    environ["gunicorn.socket"] = conn.sock  # for its options; only the server writes to it
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
    """Write an answer, and return how many of its bytes are shared memory."""
    if isinstance(parts, FileWrapper):
        file = file_content(parts.filelike)
        response.write(file.content)
        response.close()
        return len(file.content) if file.shared else 0
    buffer.streams = response.response_length is None and not response._omits_body  # noqa: SLF001
    for part in parts:
        response.write(part)
    response.close()
    return 0


def file_content(file: Any) -> FileContent:
    """Return the rest of a file."""
    with suppress(OSError, AttributeError, TypeError):
        about = os.fstat(file.fileno())
        if about.st_size <= LARGEST_SHARED and not file.tell():
            content = _shared(os.fspath(file.name), about.st_mtime_ns, about.st_size)
            return FileContent(content, shared=True)
    return FileContent(file.read(), shared=False)


@lru_cache(maxsize=32)
def _shared(path: str, _modified_ns: int, _size: int) -> bytes:
    return Path(path).read_bytes()
