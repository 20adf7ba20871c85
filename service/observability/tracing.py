"""Traces: a span for each request, and one for each round trip to the database.

Imported only if a collector is configured: OpenTelemetry is an optional extra. Its
instrumentation of Flask is not used, as its spans contain paths, which contain user ids.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from opentelemetry.context import attach, detach, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service import __version__
from service.observability.exchange import RequestRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FLUSH_TIMEOUT_MS = 3000
"""How long a worker that exits waits for the collector to take its last spans."""
_W3C = TraceContextTextMapPropagator()


class RequestSpan:
    """The server span of a request, current in its thread until the request ends."""

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._context = set_span_in_context(span)
        self._token = attach(self._context)

    @property
    def trace_id(self) -> str:
        """The id of the trace, in 32 hexadecimal digits."""
        return f"{self._span.get_span_context().trace_id:032x}"

    def end(self, method: str, status: int, record: RequestRecord) -> None:
        """Record the answer in the attributes of the semantic conventions.

        https://opentelemetry.io/docs/specs/semconv/http/http-spans/
        """
        if get_current() is self._context:  # otherwise another thread began it
            detach(self._token)
        fields: dict[str, str | int | None] = {
            "http.request.method": method,
            "http.response.status_code": status,
            "http.route": record.route,
            "error.type": record.problem,
            "discount.request_id": record.request_id,
            "discount.outcome": record.outcome,
        }
        for name, value in fields.items():
            if value is not None:
                self._span.set_attribute(name, value)
        self._span.update_name(f"{method} {record.route}" if record.route else method)
        if status >= 500:  # noqa: PLR2004 - of a server, 4xx are no errors
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class _Exporter(OTLPSpanExporter):
    """An exporter that counts the spans that it cannot export."""

    def __init__(self, endpoint: str, dropped: Callable[[int], None]) -> None:
        super().__init__(endpoint=endpoint)
        self._dropped = dropped

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans."""
        result = SpanExportResult.FAILURE
        try:
            result = super().export(spans)
        finally:
            if result is not SpanExportResult.SUCCESS:
                self._dropped(len(spans))
        return result


class SpanQueue(BatchSpanProcessor):
    """A queue that counts the spans for which it has no room."""

    def __init__(self, exporter: SpanExporter, dropped: Callable[[int], None]) -> None:
        super().__init__(exporter)
        self._dropped = dropped

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span that has ended."""
        waiting = self._batch_processor._queue  # noqa: SLF001 - nothing public has its length
        if len(waiting) == waiting.maxlen:
            self._dropped(1)
        super().on_end(span)


class Tracing:
    """Export of spans to a collector, from `start` to `stop`.

    Args:
        endpoint: The collector's base URL; traces go to `/v1/traces` below it (OTLP over HTTP).
        database: The kind of database, as in the semantic conventions.
        dropped: Counts spans that are lost.
    """

    def __init__(self, endpoint: str, database: str, dropped: Callable[[int], None]) -> None:
        self._endpoint = f"{endpoint.rstrip('/')}/v1/traces"
        self._database, self._dropped = database, dropped
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None

    def start(self) -> None:
        """Start the export; in each worker after the fork, as threads do not survive it."""
        who = Resource.create({"service.name": "discount", "service.version": __version__})
        self._provider = TracerProvider(resource=who, shutdown_on_exit=False)
        exporter = _Exporter(self._endpoint, self._dropped)
        self._provider.add_span_processor(SpanQueue(exporter, self._dropped))
        self._tracer = self._provider.get_tracer("service", __version__)

    def stop(self) -> None:
        """Export the finished spans, within `FLUSH_TIMEOUT_MS`, and stop."""
        self._tracer = None
        if self._provider:
            self._provider.force_flush(FLUSH_TIMEOUT_MS)
            self._provider.shutdown()

    def begin(self, environ: "WSGIEnvironment") -> RequestSpan | None:
        """Begin the span of a request, in the trace of its caller."""
        if self._tracer is None:
            return None
        sent = {
            "traceparent": environ.get("HTTP_TRACEPARENT", ""),
            "tracestate": environ.get("HTTP_TRACESTATE", ""),
        }
        span = self._tracer.start_span("request", _W3C.extract(sent), kind=SpanKind.SERVER)
        return RequestSpan(span)

    def round_trip(self, operation: str, seconds: float) -> None:
        """Add a span for a database round trip that has just ended, if it is part of a request."""
        if self._tracer is None or not get_current_span().is_recording():
            return
        ended = time.time_ns()
        fields = {"db.system.name": self._database, "db.operation.name": operation}
        began = ended - int(seconds * 1e9)
        self._tracer.start_span(
            operation, kind=SpanKind.CLIENT, attributes=fields, start_time=began
        ).end(ended)
