"""Traces of a real service, sent to a receiver of OTLP over HTTP."""

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import requests
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from service.app import services_of
from service.settings import Settings
from tests.process.server.otlp import Receiver, fields, receiving
from tests.support.engines import on_sqlite
from tests.support.installation import application
from tests.support.postgresql import fresh_database, migrated
from tests.support.running import Running, free_port, running
from tests.support.tokens import bearer

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FETCH_PATH = "/v1/discount/fetch/brand1"
FETCH = "/v1/discount/fetch/{brand}/{user}"
SERVER = Span.SpanKind.SPAN_KIND_SERVER


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
