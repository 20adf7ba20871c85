"""The queue of spans: what it has no room for is counted."""

import threading

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from service.observability.tracing import SpanQueue


def test_spans_for_which_a_queue_has_no_room_are_counted(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "3")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    exporter = StalledExporter()
    dropped: list[int] = []
    queue = SpanQueue(exporter, dropped.append)
    tracer = TracerProvider(shutdown_on_exit=False)
    tracer.add_span_processor(queue)
    try:
        tracer.get_tracer("test").start_span("exported").end()
        assert exporter.begun.wait(60)
        for number in range(5):
            tracer.get_tracer("test").start_span(f"span {number}").end()
        assert [1, 1] == dropped
    finally:
        exporter.go_on.set()
        queue.shutdown()


class StalledExporter(SpanExporter):
    """An exporter whose collector does not answer."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()

    def export(self, _spans):
        self.begun.set()
        self.go_on.wait(60)
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass
