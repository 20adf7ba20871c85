"""A real gunicorn: how it starts, logs, counts, refuses and stops."""

import os
import platform
import re
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException

import pytest
import requests

from service import __version__
from service.observability.requests import LOCKED_DOWN, SECURITY_HEADERS
from tests.running import DISCOUNT, environment, running
from tests.system_packages import require
from tests.tokens import bearer


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Three workers, shared by the tests of this module that leave it as it was."""
    with running(tmp_path_factory.mktemp("service"), WEB_CONCURRENCY="3") as running_service:
        yield running_service


def create(service, brand, number=10):
    answer = requests.post(
        f"{service.url}/v1/discount/create",
        json={"brand": brand, "number_to_create": number},
        headers=bearer(),
        timeout=10,
    )
    assert 200 == answer.status_code
    return answer.json()


def send(service, raw):
    """Send bytes and read what comes back, as no HTTP library would let us."""
    with socket.create_connection(("127.0.0.1", int(service.environment["PORT"])), 10) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer.decode()


def start(folder, **settings):
    """Start a service that is expected to refuse; return how it ended."""
    return subprocess.run(
        [DISCOUNT, "serve"],
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


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
        with running(tmp_path) as service:
            service.stop()
            (tmp_path / "discount.db").unlink()
            with (tmp_path / "again").open("wb") as output:
                process = subprocess.Popen(
                    [DISCOUNT, "serve"], env=service.environment, stdout=output, stderr=output
                )
                try:
                    answer = patiently(f"{service.url}/readyz")
                    assert 503 == answer.status_code
                    assert "db upgrade" in answer.json()["checks"]["tables"]
                    assert 200 == requests.get(f"{service.url}/livez", timeout=5).status_code
                finally:
                    process.terminate()
                    process.wait()


def patiently(url):
    """Get `url` as soon as somebody listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return requests.get(url, timeout=5)
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


class TestLog:
    def test_gunicorn_and_the_application_log_alike(self, service):
        """Every line is JSON with the same head, whoever wrote it."""
        requests.get(f"{service.url}/livez", timeout=5)
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
        """Gunicorn's own debug messages would: paths, and heads with their tokens."""
        with running(tmp_path, DISCOUNT_LOG_LEVEL="debug") as service:
            create(service, "brand1")
            url = f"{service.url}/v1/discount/fetch/brand1/secret-user"
            assert 200 == requests.get(url, headers=bearer(), timeout=5).status_code
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
        """A body without a length is held to the same limit, and read whole or not at all."""
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
            f"{service.url}/v1/brands", headers=bearer() | {"SCRIPT_NAME": "/v1"}, timeout=5
        )
        assert 200 == answer.status_code

    @pytest.mark.parametrize(
        "raw",
        [
            b"GET / HTTP/7\r\nHost: x\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        ],
        ids=lambda raw: raw[:30].decode(),
    )
    def test_gunicorns_own_refusals_are_problems_too(self, service, raw):
        answer = send(service, raw)
        assert answer.startswith("HTTP/1.1 400 ")
        assert "application/problem+json" in answer
        assert "/problems/invalid-request" in answer
        assert "gunicorn" not in answer.lower()
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
        """Else many byte strings would be one user."""
        create(service, "utf8")
        url = f"{service.url}/v1/discount/fetch/utf8/{path}"
        answer = requests.get(url, headers=bearer(), timeout=5)
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


class TestMetrics:
    def test_every_workers_requests_are_counted(self, service):
        create(service, "counted", 5)
        before = metric(service, 'route="/v1/discount/fetch/{brand}/{user}",status="200"')
        for number in range(30):
            url = f"{service.url}/v1/discount/fetch/counted/user{number % 5}"
            assert 200 == requests.get(url, headers=bearer(), timeout=5).status_code
        after = metric(service, 'route="/v1/discount/fetch/{brand}/{user}",status="200"')
        assert 30 == after - before
        assert 0 == metric(service, 'discount_codes_available{brand="counted",campaign="default"}')

    def test_codes_left_follow_the_database(self, service):
        create(service, "left", 7)
        gauge = 'discount_codes_available{brand="left",campaign="default"}'
        assert 7 == metric(service, gauge)
        requests.get(f"{service.url}/v1/discount/fetch/left/u", headers=bearer(), timeout=5)
        assert 6 == metric(service, gauge)

    def test_each_worker_notes_its_connections(self, service):
        most = 3 * (16 + 3)  # workers, their threads, and what SQLite has beyond
        until(lambda: most == metric(service, "discount_database_connections_max "))
        until(lambda: 0 == metric(service, 'discount_database_connections{state="in_use"}'))

    def test_what_is_running_is_told(self, service):
        build = (
            f'discount_build_info{{python="{platform.python_version()}",version="{__version__}"}}'
        )
        assert 1 == metric(service, build)
        assert 3 == metric(service, "discount_workers ")
        assert time.time() - 600 < metric(service, "discount_start_time_seconds ") < time.time()
        assert 20e6 < metric(service, "discount_worker_resident_bytes ") < 500e6

    def test_prometheus_own_checker_finds_nothing(self, service):
        promtool = require("promtool")
        text = requests.get(service.metrics_url, timeout=5).text
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)

    def test_metrics_are_on_their_own_port_alone(self, service):
        assert 401 == requests.get(f"{service.url}/metrics", timeout=5).status_code
        other = service.metrics_url.replace("/metrics", "/")
        assert 404 == requests.get(other, timeout=5).status_code

    def test_a_worker_that_was_killed_is_replaced_and_its_counts_stay(self, tmp_path):
        with running(tmp_path, WEB_CONCURRENCY="2") as service:
            create(service, "kept", 5)
            until(lambda: len(set(workers(service))) == 2)  # the first is ready before the second
            for killed_so_far in (2, 4, 6):
                killed = set(workers(service))
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
                until(lambda killed=killed: len(set(workers(service)) - killed) == 2)
                assert 5 == metric(service, "discount_codes_created_total")
                assert killed_so_far == metric(service, "discount_workers_ended_total")
                assert 200 == patiently(f"{service.url}/readyz").status_code

    def test_a_reload_keeps_counting(self, tmp_path):
        """SIGHUP makes gunicorn read its configuration again; the counters stay in place."""
        with running(tmp_path) as service:
            create(service, "brand1", 5)
            before = set(workers(service))
            service.process.send_signal(signal.SIGHUP)
            until(lambda: set(workers(service)) - before and not set(workers(service)) & before)
            create(service, "brand1", 7)
            assert 12 == metric(service, "discount_codes_created_total")

    def test_a_database_that_is_none_hides_no_counters(self, tmp_path):
        with running(tmp_path) as service:
            create(service, "brand1", 5)
            for file in tmp_path.glob("discount.db*"):
                file.unlink()
            (tmp_path / "discount.db").write_bytes(b"no database" * 1000)
            assert 5 == metric(service, "discount_codes_created_total")
            assert "database_unavailable" in {line["event"] for line in service.lines}

    def test_metrics_answer_while_every_worker_is_busy(self, tmp_path):
        """Busy as can be: the workers are stopped, and a caller waits in vain."""
        with running(tmp_path, WEB_CONCURRENCY="2") as service:
            create(service, "brand1", 5)
            until(lambda: len(workers(service)) == 2)
            stopped = workers(service)
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(requests.Timeout):
                    requests.get(f"{service.url}/livez", timeout=0.5)
                answer = requests.get(service.metrics_url, timeout=1)
                assert "discount_codes_created_total 5.0" in answer.text
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)

    def test_a_second_service_takes_another_metrics_port(self, tmp_path):
        """Two `make run`s of one checkout: only an explicit METRICS_PORT is insisted on."""
        with socket.socket() as blocker:
            blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                blocker.bind(("127.0.0.1", 5001))
                blocker.listen()
            except OSError:
                pass  # somebody else holds it: as good
            env = environment(tmp_path)
            del env["METRICS_PORT"]
            subprocess.run([DISCOUNT, "db", "upgrade"], env=env, check=True, capture_output=True)
            process = subprocess.Popen([DISCOUNT, "serve"], env=env, stdout=subprocess.PIPE)
            try:
                patiently(f"http://127.0.0.1:{env['PORT']}/readyz")
            finally:
                process.terminate()
                output, _ = process.communicate(timeout=30)
        ports = re.findall(rb'"metrics_listening","port":(\d+)', output)
        assert 1 == len(ports)
        assert ports != [b"5001"]


def metric(service, line_part):
    """Sum the samples whose line holds `line_part`, as Prometheus would read them."""
    text = requests.get(service.metrics_url, timeout=5).text
    lines = [line for line in text.splitlines() if line_part in line and not line.startswith("#")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def workers(service):
    """Return the process ids of the workers that are alive."""
    booted = re.findall(r"Booting worker with pid: (\d+)", service.log.read_text())
    return [int(pid) for pid in booted if is_alive(int(pid))]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestStop:
    def test_sigterm_ends_it_cleanly(self, tmp_path):
        with running(tmp_path) as service:
            create(service, "brand1")
            assert 0 == service.stop()
            assert not [line for line in service.lines if line["level"] in {"error", "critical"}]

    def test_what_was_accepted_is_finished(self, tmp_path):
        """A request that is being answered when SIGTERM comes gets its answer."""
        with running(tmp_path) as service:
            create(service, "brand1")
            port = int(service.environment["PORT"])
            body = b'{"brand": "brand1", "number_to_create": 5}'
            head = (
                "POST /v1/discount/create HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {bearer()['Authorization']}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                client.sendall(head.encode() + body[:10])
                time.sleep(0.5)
                stopping = threading.Thread(target=service.stop)
                stopping.start()
                time.sleep(0.5)
                client.sendall(body[10:])
                answer = client.recv(65536).decode()
                assert answer.startswith("HTTP/1.1 200 ")
            stopping.join()
            assert 0 == service.process.returncode

    def test_the_counters_of_a_killed_server_are_taken_away_by_the_next(self, tmp_path):
        with running(tmp_path, TMPDIR=str(tmp_path)) as service:
            create(service, "brand1")
            service.process.kill()
            until(lambda: not workers(service))
        (left,) = tmp_path.glob("discount-metrics-*")
        os.utime(left, (1, 1))
        with running(tmp_path, TMPDIR=str(tmp_path)):
            assert left not in set(tmp_path.glob("discount-metrics-*"))

    def test_the_counters_files_are_taken_away(self, tmp_path):
        with running(tmp_path, TMPDIR=str(tmp_path)) as service:
            create(service, "brand1")
            assert list(tmp_path.glob("discount-metrics-*/*.db"))
            service.stop()
            assert not list(tmp_path.glob("discount-metrics-*"))


class TestDrain:
    def test_not_ready_first_closed_later(self, tmp_path):
        """On SIGTERM `/readyz` is 503 while calls are still served; then the listener closes."""
        with running(tmp_path, DISCOUNT_DRAIN_S="2", WEB_CONCURRENCY="2") as service:
            create(service, "brand1")
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            until(lambda: requests.get(f"{service.url}/readyz", timeout=5).status_code == 503)
            for _ in range(10):  # whichever worker answers
                answer = requests.get(f"{service.url}/readyz", timeout=5)
                assert "draining" == answer.json()["checks"]["drain"]
                assert 200 == requests.get(f"{service.url}/livez", timeout=5).status_code
                create(service, "brand1", 1)
            assert time.monotonic() - began < 2
            assert 0 == service.process.wait(30)
            assert time.monotonic() - began >= 2
            assert "draining" in {line["event"] for line in service.lines}

    def test_kept_connections_are_let_go(self, tmp_path):
        """A client that keeps its connection learns in the drain that it shall open another."""
        with running(tmp_path, DISCOUNT_DRAIN_S="60") as service:
            with requests.Session() as session:

                def connection():
                    return session.get(f"{service.url}/livez", timeout=5).headers["Connection"]

                assert "keep-alive" == connection()
                service.process.send_signal(signal.SIGTERM)
                until(lambda: requests.get(f"{service.url}/readyz", timeout=5).status_code == 503)
                assert "close" == connection()
            assert 0 == service.stop()

    def test_a_second_sigterm_stops_at_once(self, tmp_path):
        with running(tmp_path, DISCOUNT_DRAIN_S="60") as service:
            service.process.send_signal(signal.SIGTERM)
            until(lambda: requests.get(f"{service.url}/readyz", timeout=5).status_code == 503)
            assert 0 == service.stop()

    def test_no_accepted_request_fails_under_load(self, tmp_path):
        """Clients call on, each on new and kept connections, until nobody listens any more."""
        with running(tmp_path, DISCOUNT_DRAIN_S="1", WEB_CONCURRENCY="2") as service:
            create(service, "brand1", 1000)
            with ThreadPoolExecutor(16) as pool:
                clients = [
                    pool.submit(call_until_refused, service, f"client{number}", number % 2 == 0)
                    for number in range(16)
                ]
                time.sleep(1)
                assert 0 == service.stop()
                answered, failures = zip(*(client.result() for client in clients), strict=True)
        assert [] == [failure for some in failures for failure in some]
        assert sum(answered) > 200


def call_until_refused(service, user, keep):
    """Call until connections are refused; return how many were answered, and what failed.

    A kept connection that was closed while nothing was under way is opened again, as every
    HTTP client does (RFC 9112, section 9.3.1). The kernel may reset a connection that came in
    the instant in which the listener closed: at once, and nobody listens after it.
    """
    port = int(service.environment["PORT"])
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    failures: list[str] = []
    fresh, answered, reset = True, 0, None
    while True:
        began = time.monotonic()
        try:
            connection.request("GET", f"/v1/discount/fetch/brand1/{user}", headers=bearer())
            answer = connection.getresponse()
            answer.read()
        except ConnectionRefusedError:
            return answered, failures
        except (ConnectionError, HTTPException) as error:
            connection.close()
            if fresh:
                reset = repr(error)
                if time.monotonic() - began > 0.5:
                    failures.append(f"hung: {reset}")
            fresh = True
            continue
        answered += 1
        if reset or answer.status != 200:
            failures.append(reset or str(answer.status))
        fresh = answer.will_close or not keep
        if fresh:
            connection.close()
