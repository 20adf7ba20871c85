"""A real gunicorn: start, log, and refusals."""

import re
import socket

import pytest
import requests

from service.observability.exchange import LOCKED_DOWN, SECURITY_HEADERS
from tests.process.server.callers import create, metric
from tests.support import forked
from tests.support.running import end, environment, running
from tests.support.tokens import bearer
from tests.support.waiting import get_when_up


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Three workers, for the tests of this module that do not change the service."""
    with running(tmp_path_factory.mktemp("service"), WEB_CONCURRENCY="3") as running_service:
        yield running_service


def send(service, raw):
    """Send raw bytes, and return the answer."""
    with socket.create_connection(("127.0.0.1", int(service.environment["PORT"])), 10) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer.decode()


def start(folder, **settings):
    """Start a service whose start must fail; return the result."""
    return forked.run(["serve"], environment(folder, **settings))


class TestStart:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "none"),
            ("DISCOUNT_JWT_SECRET", "short"),
            ("DISCOUNT_ENV", "production"),
            ("DISCOUNT_JWT_KEYS_FILE", "/no/such/file"),
            ("DISCOUNT_DATABASE_URL", "sqlite:////proc/none/discount.db"),
        ],
    )
    def test_a_wrong_setting_stops_it_with_a_sentence(self, tmp_path, name, value):
        done = start(tmp_path, **{name: value})
        assert 0 != done.returncode
        named = "DISCOUNT_PSEUDONYM_KEY" if name == "DISCOUNT_ENV" else name
        assert named in done.stderr
        assert 1 == len(done.stderr.splitlines()), done.stderr

    @pytest.mark.parametrize("name", ["PORT", "METRICS_PORT"])
    def test_a_port_that_is_taken_stops_it_with_a_sentence(self, tmp_path, service, name):
        taken = service.environment[name]
        done = start(tmp_path, **{name: taken})
        assert 0 != done.returncode
        assert f"{name}={taken}" in done.stderr

    def test_without_tables_it_is_alive_but_not_ready(self, tmp_path):
        (tmp_path / "discount.db").touch()
        env = environment(tmp_path)
        url = f"http://127.0.0.1:{env['PORT']}"
        with (tmp_path / "log").open("wb") as log:
            process = forked.Forked(["serve"], env, log)
        try:
            answer = get_when_up(f"{url}/readyz")
            assert 503 == answer.status_code
            assert "db upgrade" in answer.json()["checks"]["tables"]
            assert 200 == requests.get(f"{url}/livez", timeout=30).status_code
        finally:
            end(process)


class TestLog:
    def test_gunicorn_and_the_application_log_alike(self, service):
        """Every line is JSON with the same first fields, whatever its source."""
        requests.get(f"{service.url}/livez", timeout=30)
        lines = service.lines
        assert all(list(line)[:3] == ["timestamp", "level", "event"] for line in lines)
        assert {"request", "library_message", "metrics_listening"} <= {
            line["event"] for line in lines
        }

    def test_a_request_that_cannot_be_read_is_logged_without_its_path(self, service):
        send(service, b"GET /v1/discount/fetch/b/secret-user HTTP/7\r\nHost: x\r\n\r\n")
        send(
            service, b"GET /v1/discount/fetch/b/secret-user HTTP/1.1\r\nHo st: secret-user\r\n\r\n"
        )
        send(service, b"secret-user\r\n\r\n")
        assert "secret-user" not in service.log.read_text()

    def test_debug_shows_no_more_of_callers(self, tmp_path):
        """Gunicorn's own debug messages would contain paths, and heads with tokens."""
        with running(tmp_path, DISCOUNT_LOG_LEVEL="debug") as service:
            create(service, "brand1")
            url = f"{service.url}/v1/discount/fetch/brand1/secret-user"
            assert 200 == requests.get(url, headers=bearer(), timeout=30).status_code
            send(service, b"GET /v1/discount/fetch/b/secret-user HTTP/1.1\r\nAuthorization: se")
            send(service, b"GET /v1/discount/fetch/b/secret-us")
            service.stop()
            assert "secret" not in service.log.read_text()
            assert bearer()["Authorization"][-20:] not in service.log.read_text()


class TestMalformedRequests:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"2b\r\n" + b'{"brand": "chunked", "number_to_create": 1}\r\n0\r\n\r\n', 200),
            (b"zz\r\n", 400),
            (b"-5\r\nabc", 400),
            (b"2b\r\n" + b'{"brand": "chunked", "number_to_create": 1}xx0\r\n\r\n', 400),
            (b"2b\r\n" + b'{"brand": "chunked", "number_to_create": 1}\r\n', 400),
            (
                b"2b\r\n" + b'{"brand": "chunked", "number_to_create": 1}\r\n'
                b"100000\r\n" + b" " * 0x100000 + b"\r\n0\r\n\r\n",
                413,
            ),
        ],
        ids=["good", "no number", "negative", "no end of chunk", "cut off", "too long"],
    )
    def test_chunked_bodies(self, service, body, status):
        """A body without a length has the same limit, and is read completely or not at all."""
        head = (
            b"POST /v1/discount/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\n"
            b"Authorization: " + bearer()["Authorization"].encode() + b"\r\n\r\n"
        )
        answer = send(service, head + body)
        assert answer.startswith(f"HTTP/1.1 {status} "), answer[:500]
        assert 1 == answer.count("HTTP/1.1")

    def test_a_body_that_ends_too_soon(self, service):
        body = b'{"brand": "cut", "number_to_create": 1}'
        head = (
            b"POST /v1/discount/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            b"Content-Type: application/json\r\n"
            b"Authorization: " + bearer()["Authorization"].encode() + b"\r\n\r\n"
        )
        assert "200 OK" not in send(service, head + body)

    def test_they_are_counted_and_logged_as_requests(self, service):
        counter = 'method="other",route="unmatched",status="400"'
        before = metric(service, counter)
        answer = send(service, b"nonsense\r\n\r\n")
        request_id = re.search(r"X-Request-ID: (\w+)", answer, re.IGNORECASE)
        assert request_id is not None
        assert 1 == metric(service, counter) - before
        (line,) = [line for line in service.lines if line.get("request_id") == request_id[1]]
        assert ("request", 400, "invalid-request") == (
            line["event"],
            line["status"],
            line["problem"],
        )

    def test_a_header_cannot_move_the_routes(self, service):
        answer = requests.get(
            f"{service.url}/v1/brands", headers=bearer() | {"SCRIPT_NAME": "/v1"}, timeout=30
        )
        assert 200 == answer.status_code

    @pytest.mark.parametrize(
        ("raw", "status", "slug"),
        [
            (b"GET / HTTP/7\r\nHost: x\r\n\r\n", 400, "invalid-request"),
            (b"nonsense\r\n\r\n", 400, "invalid-request"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400, "invalid-request"),
            (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri-too-long"),
            (
                b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
                *(431, "headers-too-large"),
            ),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "invalid-request"),
            (b"GET / HTTP/1.1\r\n\r\n", 400, "invalid-request"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: y\r\n\r\n", 417, "expectation-failed"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_the_servers_own_refusals_are_problems_too(self, service, raw, status, slug):
        answer = send(service, raw)
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert "application/problem+json" in answer
        assert f"/problems/{slug}" in answer
        head, _, body = answer.partition("\r\n\r\n")
        assert ("gunicorn" in head, "gunicorn" in body.lower()) == (True, False)
        head = answer.partition("\r\n\r\n")[0]
        names = [line.partition(":")[0] for line in head.split("\r\n")[1:]]
        assert len(names) == len(set(names))
        assert {name for name, _ in SECURITY_HEADERS} <= set(names)
        assert f"Content-Security-Policy: {LOCKED_DOWN}" in head

    @pytest.mark.parametrize(
        "path",
        ["u%FF", "u%ED%A0%80", "%C0%80", "u?campaign=%FF", "u?campaign=%ED%A0%80"],
    )
    def test_what_is_no_utf8_is_refused_instead_of_mended(self, service, path):
        """Otherwise many byte strings would be one user."""
        create(service, "utf8")
        url = f"{service.url}/v1/discount/fetch/utf8/{path}"
        answer = requests.get(url, headers=bearer(), timeout=30)
        assert 400 == answer.status_code
        assert "/problems/invalid-request" == answer.json()["type"]

    def test_dots_are_no_names(self, service):
        token = bearer()["Authorization"]
        for dots in (".", "..", "%2e%2e"):
            answer = send(
                service,
                f"GET /v1/discount/fetch/brand1/{dots} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {token}\r\nConnection: close\r\n\r\n".encode(),
            )
            assert answer.startswith("HTTP/1.1 400 ")
