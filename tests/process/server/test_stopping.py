"""Stopping a real gunicorn: it drains, and completes accepted requests."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException

import pytest
import requests

from tests.process.server.callers import create, metric
from tests.support.running import SERVE, START_WITHIN_S, running
from tests.support.tokens import bearer
from tests.support.waiting import listens, wait_until

DRAIN_S = 6
"""Seconds in which even a busy machine makes the calls that must be served meanwhile."""
HUNG_S = 5.0
"""A client that is reset after so many seconds was accepted, and forgotten."""


class TestStop:
    def test_what_was_accepted_is_finished_and_nothing_stays(self, tmp_path):
        """A second SIGTERM stops at once, and a running request is completed.

        While draining, answers ask a client that keeps its connection to open another.
        """
        with running(tmp_path, SERVE, TMPDIR=str(tmp_path), DISCOUNT_DRAIN_S="600") as service:
            create(service, "brand1")
            assert list(tmp_path.glob("discount-metrics-*/*.db"))
            port = int(service.environment["PORT"])
            body = b'{"brand": "brand1", "number_to_create": 5}'
            head = (
                "POST /v1/discount/create HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {bearer()['Authorization']}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            with (
                requests.Session() as session,
                socket.create_connection(("127.0.0.1", port), 60) as client,
            ):
                assert "keep-alive" == connection_of(service, session)
                service.process.send_signal(signal.SIGTERM)
                wait_until(lambda: is_unready(service))
                assert "close" == connection_of(service, session)
                client.sendall(head.encode() + body[:10])
                create(service, "brand1", 1)  # one worker has both: it has seen the first
                service.process.send_signal(signal.SIGTERM)
                wait_until(lambda: not listens(port))
                client.sendall(body[10:])
                answer = client.recv(65536).decode()
                assert answer.startswith("HTTP/1.1 200 ")
            assert 0 == service.process.wait(START_WITHIN_S)
            wrong = [line for line in service.lines if line["level"] in {"error", "critical"}]
            assert {"/readyz"} >= {line.get("route") for line in wrong}  # which said 503
            assert not list(tmp_path.glob("discount-metrics-*"))

    def test_the_counters_of_a_killed_server_are_taken_away_by_the_next(self, tmp_path):
        """A new process creates its folder first, which shows that it starts."""
        with running(tmp_path, SERVE, TMPDIR=str(tmp_path)) as service:
            create(service, "brand1")
            service.process.kill()
            wait_until(lambda: not service.workers)
        (left,) = tmp_path.glob("discount-metrics-*")
        os.utime(left, (1, 1))
        begin = "from service.observability.metrics.counter_files import make_folder; make_folder()"
        subprocess.run([sys.executable, "-c", begin], env=service.environment, check=True)
        assert not left.exists()


class TestDrain:
    @pytest.mark.parametrize(
        ("clients", "pause_s"), [(8, 0.05), pytest.param(16, 0.0, marks=pytest.mark.long)]
    )
    def test_not_ready_first_closed_later_and_no_accepted_request_fails(
        self, tmp_path, clients, pause_s
    ):
        """On SIGTERM, `/readyz` is 503 while calls are still served; then the listener closes.

        Clients call all the while, on new and kept connections, until nobody listens.
        """
        with running(
            tmp_path, SERVE, DISCOUNT_DRAIN_S=str(DRAIN_S), WEB_CONCURRENCY="2"
        ) as service:
            create(service, "brand1", 1000)
            with ThreadPoolExecutor(clients) as pool:
                calling = [
                    pool.submit(call_until_refused, service, number, pause_s)
                    for number in range(clients)
                ]
                wait_until(lambda: answered(service) > 5 * clients)
                began = time.monotonic()
                service.process.send_signal(signal.SIGTERM)
                wait_until(lambda: is_unready(service))
                for _ in range(6):  # whichever worker answers
                    answer = requests.get(f"{service.url}/readyz", timeout=30)
                    assert "draining" == answer.json()["checks"]["drain"]
                    assert 200 == requests.get(f"{service.url}/livez", timeout=30).status_code
                    create(service, "brand1", 1)
                assert 0 == service.process.wait(START_WITHIN_S)
                assert time.monotonic() - began >= DRAIN_S
                numbers, failures = zip(*(client.result() for client in calling), strict=True)
            assert "draining" in {line["event"] for line in service.lines}
        assert [] == [failure for some in failures for failure in some]
        assert sum(numbers) > 5 * clients


def connection_of(service, session):
    return session.get(f"{service.url}/livez", timeout=30).headers["Connection"]


def answered(service):
    return metric(service, 'route="/v1/discount/fetch/{brand}/{user}",status="200"')


def is_unready(service):
    return requests.get(f"{service.url}/readyz", timeout=30).status_code == 503


def call_until_refused(service, client, pause_s):
    """Call until connections are refused; return how many were answered, and what failed.

    A kept connection that was closed while nothing was under way is opened again, as every
    HTTP client does (RFC 9112, section 9.3.1). The kernel may reset a connection that came in
    the instant in which the listener closed: at once, and nobody listens after it.
    """
    port = int(service.environment["PORT"])
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    failures: list[str] = []
    fresh, answered, reset = True, 0, None
    while True:
        time.sleep(pause_s)
        began = time.monotonic()
        try:
            connection.request("GET", f"/v1/discount/fetch/brand1/client{client}", headers=bearer())
            answer = connection.getresponse()
            answer.read()
        except ConnectionRefusedError:
            return answered, failures
        except (ConnectionError, HTTPException) as error:
            connection.close()
            if fresh:
                reset = repr(error)
                if time.monotonic() - began > HUNG_S:
                    failures.append(f"hung: {reset}")
            fresh = True
            continue
        answered += 1
        if reset or answer.status != 200:
            failures.append(reset or str(answer.status))
        fresh = answer.will_close or client % 2  # every second one keeps its connection
        if fresh:
            connection.close()
