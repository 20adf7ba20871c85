"""The request log: the log line, metrics and span of each request."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from structlog.typing import FilteringBoundLogger

from service.observability.exchange import Exchange, Pseudonyms, RequestRecord, Trace
from service.observability.metrics.instruments import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


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
