"""The outermost middleware: request id, log line and metrics of each request.

It also adds the header fields that all answers have.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from service.api.transfers.body_state import BodyAwaited
from service.observability.exchange import EXCHANGE, RequestRecord, use_exchange
from service.observability.request_log import RequestLog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class RequestLogging:
    """The outermost middleware, which sees every request, even those without a view.

    Args:
        app: Answers the requests.
        requests: Begins and finishes the records.
    """

    def __init__(self, app: "WSGIApplication", requests: RequestLog) -> None:
        self.app = app
        self._requests = requests

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request, then count and log it."""
        started = time.perf_counter()
        exchange = environ.get(EXCHANGE) or self._requests.begin(environ)
        use_exchange(exchange)
        status = 500

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            return start_response(line, [*headers, *exchange.header_fields()], *rest)

        def finish() -> None:
            seconds = time.perf_counter() - started
            self._requests.finish(environ, status, seconds, exchange)

        try:
            answer = self.app(environ, start)
        except BodyAwaited:  # the same request comes again, with its body
            environ[EXCHANGE] = exchange
            raise
        except BaseException:
            finish()
            raise
        if exchange.streams:
            return _Streamed(answer, exchange.record, finish)
        finish()
        return answer


@runtime_checkable
class _Closable(Protocol):
    def close(self) -> None: ...


class _Streamed:
    """A streamed answer, which is logged after its last byte, or when it was cut off."""

    def __init__(
        self, answer: Iterable[bytes], record: RequestRecord, finish: Callable[[], None]
    ) -> None:
        self._answer = answer
        self._parts = iter(answer)
        self._record = record
        self._finish = finish
        self._whole = False
        record.sent_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            part = next(self._parts)
        except StopIteration:
            self._whole = True
            raise
        self._record.sent_bytes = (self._record.sent_bytes or 0) + len(part)
        return part

    def close(self) -> None:
        """Release the answer's resources; the server calls this in any case."""
        try:
            if isinstance(self._answer, _Closable):
                self._answer.close()
        finally:
            if not self._whole:
                self._record.outcome = "cut"
            self._finish()
