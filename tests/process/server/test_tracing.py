"""Traces of a real service, sent to a receiver of OTLP over HTTP."""

import gzip
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from service.app import services_of
from service.observability.tracing import SpanQueue
from service.settings import Settings
from tests.support.engines import on_sqlite
from tests.support.installation import application
from tests.support.postgresql import fresh_database, migrated
from tests.support.running import Running, free_port, running
from tests.support.tokens import bearer
from tests.support.waiting import wait_until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FETCH_PATH = "/v1/discount/fetch/brand1"
FETCH = "/v1/discount/fetch/{brand}/{user}"
SERVER = Span.SpanKind.SPAN_KIND_SERVER


class Receiver:
    """A receiver that keeps the spans."""

    def __init__(self, url):
        self.url = url
        self.spans = []
        self.raw = b""

    def take(self, body):
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def of(self, request_id):
        """Wait for the span of a request."""

        def found():
            return [s for s in self.spans if request_id == fields(s).get("discount.request_id")]

        wait_until(found, f"no span of {request_id}")
        return found()[0]

    def below(self, span):
        """Return the spans below a span, in order."""
        found = [other for other in self.spans if other.parent_span_id == span.span_id]
        return sorted(found, key=lambda other: other.end_time_unix_nano)


def fields(span):
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


@contextmanager
def receiving():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert "/v1/traces" == self.path
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            taker.take(gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taker = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield taker
        server.shutdown()
        thread.join()


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@dataclass
class Traced:
    """A service that sends its traces."""

    engine: str
    service: Running
    receiver: Receiver

    def span(self, path=f"{FETCH_PATH}/user1", **headers):
        """Send a request; return the answer, its span, and its line in the log."""
        answer = call(self.service, path, headers)
        request_id = answer.headers["X-Request-ID"]
        span = self.receiver.of(request_id)
        (line,) = [line for line in self.service.lines if request_id == line.get("request_id")]
        return answer, span, line


def call(service, path, headers=None):
    return requests.get(service.url + path, headers=bearer() | (headers or {}), timeout=60)


@contextmanager
def database_of(engine, folder):
    if engine == "sqlite":
        yield f"sqlite:///{folder}/discount.db"
    else:
        with fresh_database(migrated()) as url:
            yield url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def traced(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("traced")
    with (
        receiving() as receiver,
        database_of(request.param, folder) as url,
        running(
            folder,
            DISCOUNT_DATABASE_URL=url,
            DISCOUNT_OTLP_ENDPOINT=receiver.url,
            OTEL_BSP_SCHEDULE_DELAY="100",
        ) as service,
    ):
        body = {"brand": "brand1", "number_to_create": 9}
        create = f"{service.url}/v1/discount/create"
        headers = bearer() | {"X-Request-ID": "create"}
        requests.post(create, json=body, headers=headers, timeout=10).raise_for_status()
        yield Traced(request.param, service, receiver)


def test_a_request_is_a_span_in_its_callers_trace(traced):
    """A request has a span for each round trip to the database, and its log line has the id."""
    path = f"{FETCH_PATH}/user-of-a-secret-name"
    answer, span, line = traced.span(path, traceparent=f"00-{TRACE}-{PARENT}-01")
    assert (f"GET {FETCH}", SERVER) == (span.name, span.kind)
    assert (TRACE, PARENT) == (span.trace_id.hex(), span.parent_span_id.hex())
    assert TRACE == line["trace_id"]
    assert {
        "http.request.method": "GET",
        "http.route": FETCH,
        "http.response.status_code": 200,
        "discount.request_id": line["request_id"],
        "discount.outcome": "new",
    } == fields(span)
    trips = traced.receiver.below(span)
    wanted = {"sqlite": [["SELECT", "transaction"]], "postgresql": [["WITH"], ["WITH", "WITH"]]}
    # On PostgreSQL, one new reservation in 256 adds up the tally as well.
    assert [trip.name for trip in trips] in wanted[traced.engine]
    _, again, _ = traced.span(path)
    assert wanted[traced.engine][0][:1] == [trip.name for trip in traced.receiver.below(again)]
    assert {traced.engine} == {fields(trip)["db.system.name"] for trip in trips}
    for trip in trips:
        assert span.start_time_unix_nano <= trip.start_time_unix_nano
        assert trip.end_time_unix_nano <= span.end_time_unix_nano
    code, token = answer.json()["discount_code"], bearer()["Authorization"]
    for secret in (code, "user-of-a-secret-name", token.split(".")[1][:20]):
        assert secret.encode() not in traced.receiver.raw


def test_a_request_without_a_trace_begins_one(traced):
    _, span, line = traced.span()
    assert line["trace_id"] == span.trace_id.hex()
    assert b"" == span.parent_span_id


def test_a_caller_that_does_not_sample_is_heeded(traced):
    unsampled = {"traceparent": f"00-{TRACE[::-1]}-{PARENT}-00", "X-Request-ID": "unsampled"}
    assert 200 == call(traced.service, f"{FETCH_PATH}/user1", unsampled).status_code
    traced.span()  # spans are sent in order
    assert "unsampled" not in {
        fields(span).get("discount.request_id") for span in traced.receiver.spans
    }


def test_the_span_of_a_refused_call_says_why(traced):
    _, span, _ = traced.span("/v1/discount/fetch/ghost/user1")
    attributes = fields(span)
    assert ("brand-not-found", 404) == (
        attributes["error.type"],
        attributes["http.response.status_code"],
    )


def test_a_create_is_traced_as_a_transaction(traced):
    trips = [trip.name for trip in traced.receiver.below(traced.receiver.of("create"))]
    assert "transaction" == trips[-1]
    if traced.engine == "postgresql":  # on SQLite, its statements run among others'
        assert {"BEGIN", "INSERT"} <= set(trips)


def test_a_worker_that_ends_sends_what_it_has(tmp_path, receiver):
    with running(
        tmp_path, DISCOUNT_OTLP_ENDPOINT=receiver.url, OTEL_BSP_SCHEDULE_DELAY="600000"
    ) as service:
        answer = call(service, f"{FETCH_PATH}/user1")
        assert 0 == service.stop()
    assert receiver.of(answer.headers["X-Request-ID"])


@on_sqlite
def test_a_collector_that_is_away_harms_nobody(settings, log):
    nowhere = f"http://127.0.0.1:{free_port()}"
    with application(replace(settings, otlp_endpoint=nowhere), log) as app:
        tracing = services_of(app).tracing
        assert tracing
        tracing.start()
        try:
            paths = [f"{FETCH_PATH}/user{number}" for number in range(20)]
            client = app.test_client()
            assert {404} == {client.get(path, headers=bearer()).status_code for path in paths}
        finally:
            tracing.stop()
        registry = services_of(app).metrics.registry
        assert (registry.get_sample_value("discount_spans_dropped_total") or 0) >= 20


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


@pytest.mark.long
def test_a_server_whose_collector_is_away_ends_cleanly(tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    with running(
        tmp_path, DISCOUNT_OTLP_ENDPOINT=nowhere, OTEL_BSP_SCHEDULE_DELAY="100"
    ) as service:
        paths = [f"{FETCH_PATH}/user{number}" for number in range(20)]
        assert {404} == {call(service, path).status_code for path in paths}
        assert 0 == service.stop()


def test_nothing_of_it_is_loaded_where_nobody_wants_traces(tmp_path):
    """In a new process, as this one has loaded OpenTelemetry."""
    code = (
        "import sys; from service.container.services import build;"
        "from service.settings import Settings;"
        f"build(Settings(database_url='sqlite:///{tmp_path}/x.db', jwt_secret='s' * 32));"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert Settings().otlp_endpoint is None
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
