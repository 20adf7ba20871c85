"""The request log: the id, log line, metrics and span of each request.

Its middleware is the outermost one, and adds the header fields that all answers have.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from structlog.typing import FilteringBoundLogger

from service.observability.exchange import (
    EXCHANGE,
    BodyAwaited,
    Exchange,
    Pseudonyms,
    RequestRecord,
    Trace,
    use_exchange,
)
from service.observability.metrics.instruments import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_REJECTED, _FAILED = int(HTTPStatus.BAD_REQUEST), int(HTTPStatus.INTERNAL_SERVER_ERROR)
"""The lowest statuses, as plain integers: a member of an enumeration takes longer to find."""


class Tracer(Protocol):
    """A source of spans for requests."""

    def begin(self, environ: "WSGIEnvironment") -> Trace | None:
        """Begin the span of a request; `None` if tracing is off."""


class RequestLog:
    """Request records: each is begun here, then counted, traced and logged."""

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        metrics: Metrics,
        log: FilteringBoundLogger,
        tracer: Tracer | None = None,
    ) -> None:
        self._pseudonyms = pseudonyms
        self._metrics = metrics
        self._log = log
        self._tracer = tracer

    def begin(self, environ: "WSGIEnvironment") -> Exchange:
        """Begin the record of a request, and its span."""
        record = RequestRecord(environ, self._pseudonyms)
        trace = self._tracer.begin(environ) if self._tracer else None
        if trace:
            record.trace_id = trace.trace_id
        return Exchange(record, trace)

    def finish(
        self, environ: "WSGIEnvironment", status: int, seconds: float, exchange: Exchange
    ) -> None:
        """Count, trace and log an answered request.

        Args:
            environ: The known part of the request's environment.
            status: The status of the answer.
            seconds: The time in the application.
            exchange: The request and its answer.
        """
        record, method = exchange.record, environ.get("REQUEST_METHOD", "other")
        try:
            if exchange.trace:
                exchange.trace.end(method, status, record)
            self._metrics.request(method, record.route, status, seconds)
        except Exception as error:  # noqa: BLE001 - observability must not fail a call
            self._log.warning("request_not_observed", exc_info=error)
        if not exchange.logged:
            return
        say = self._log.info if status < _FAILED else self._of_failure(record)
        say(
            "request",
            request_id=record.request_id,
            trace_id=record.trace_id,
            method=method,
            route=record.route,
            status=status,
            duration_ms=round(seconds * 1000, 3),
            caller=record.caller,
            brand=record.brand,
            campaign=record.campaign,
            user_ref=record.user_ref,
            outcome=record.outcome or _outcome(status),
            problem=record.problem,
            refusal=record.refusal,
            peer=environ.get("REMOTE_ADDR") if status >= _REJECTED else None,
            sent_bytes=record.sent_bytes,
        )

    def _of_failure(self, record: RequestRecord) -> Callable[..., None]:
        """Return the method of the level: each failure has one line of level error."""
        return self._log.warning if record.reported else self._log.error


def _outcome(status: int) -> str:
    if status >= _FAILED:
        return "failed"
    return "refused" if status >= _REJECTED else "ok"


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
