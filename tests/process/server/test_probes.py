"""Probes share nothing with what they check, and no call waits for longer than 5 s."""

import os
import select
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from statistics import quantiles

import psutil
import pytest
import requests

from service.store.migrations.revisions import VERSION_TABLE
from tests.support.running import running
from tests.support.tokens import bearer
from tests.support.waiting import wait_until

PROMPT_S = 1
ANSWERED_S = 5


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("service"), WEB_THREADS="4") as running_service:
        create(running_service)
        yield running_service


def create(service, brand="b"):
    return requests.post(
        f"{service.url}/v1/discount/create",
        json={"brand": brand, "number_to_create": 1000},
        headers=bearer(),
        timeout=30,
    )


def fetch(service, user):
    return requests.get(f"{service.url}/v1/discount/fetch/b/{user}", headers=bearer(), timeout=30)


@contextmanager
def locked(service):
    """Hold the write lock of the database."""
    path = service.environment["DISCOUNT_DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def raw(service, request):
    """Send a request, and return everything up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", int(service.environment["PORT"])), 10) as client:
        client.sendall(request)
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer.decode()


def probe_until(service, holds):
    """Call the probes until a condition holds; return the duration of each answer."""
    took: list[float] = []
    while not (took and holds()):
        for path in ("livez", "readyz"):
            began = time.monotonic()
            assert requests.get(f"{service.url}/{path}", timeout=30).status_code in {200, 503}
            took.append(time.monotonic() - began)
        time.sleep(0.02)
    return took


def are_prompt(took):
    """Probes may be slow on a busy machine, but none waits for the lock, as calls do for 5 s."""
    nine_of_ten = quantiles(took, n=10, method="inclusive")[-1]
    return nine_of_ten < PROMPT_S and max(took) < 3 * PROMPT_S


@pytest.mark.parametrize("call", [create, lambda service: fetch(service, os.urandom(4).hex())])
def test_probes_answer_and_calls_hear_in_time_while_all_wait_for_a_lock(service, call):
    """More POSTs than threads, or more claims than tasks that may run at once."""

    def timed(_):
        began = time.monotonic()
        answer = call(service)
        return answer, time.monotonic() - began

    with ThreadPoolExecutor(60) as pool, locked(service):
        calls = [pool.submit(timed, number) for number in range(60)]
        took = probe_until(service, lambda: all(one.done() for one in calls))
        assert are_prompt(took), took
        for answer, seconds in (one.result() for one in calls):
            assert 503 == answer.status_code, answer.text
            assert answer.headers["Retry-After"]
            assert seconds < ANSWERED_S + 1 + max(took)  # the machine may be busy
    assert create(service).ok


def test_calls_behind_the_first_256_hear_in_time(service):
    """Each call has its own connection, and all wait for one lock."""
    port = int(service.environment["PORT"])
    head = (
        "GET /v1/discount/fetch/b/late%d HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {bearer()['Authorization']}\r\n\r\n"
    )
    with locked(service), ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            for _ in range(700)
        ]
        began = time.monotonic()
        for number, client in enumerate(clients):
            client.sendall((head % number).encode())
        took = probe_until(service, lambda: select.select(clients[-1:], [], [], 0)[0])
        assert are_prompt(took), took
        for client in clients:
            answer = client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: " in answer
        assert time.monotonic() - began < ANSWERED_S + 4  # on a busy machine; it was 17


REQUESTS = [
    ("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", True),
    ("HEAD {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
    ("GET {}?verbose=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", True),
    ("GET {} HTTP/1.0\r\n\r\n", True),
    ("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", True),
    (
        (
            "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        True,
    ),
]


@pytest.mark.parametrize(("request_text", "body"), REQUESTS)
@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_however_they_are_asked_probes_answer_alike(service, path, request_text, body):
    answer = raw(service, request_text.format(path).encode())
    head, _, content = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 ")
    assert "\r\nConnection: close" in head
    assert "\r\nX-Request-ID: " in head
    assert "\r\nX-Content-Type-Options: nosniff" in head
    assert "\r\nCache-Control: no-store" in head
    assert ('"status":"' in content) == body
    assert 1 == answer.count("HTTP/1.1 ")


def test_probes_are_logged_when_their_answer_changes_and_counted_each_time(service):
    for _ in range(3):
        answer = requests.get(f"{service.url}/readyz", headers={"X-Request-ID": "mine"}, timeout=5)
        assert "mine" == answer.headers["X-Request-ID"]
    (line,) = [line for line in service.lines if line.get("route") == "/readyz"]
    assert ("request", "GET", 200) == (line["event"], line["method"], line["status"])
    text = requests.get(service.metrics_url, timeout=5).text
    assert 'discount_http_requests_total{method="GET",route="/readyz",status="200"}' in text


def test_another_method_is_refused(service):
    answer = requests.post(f"{service.url}/livez", timeout=5)
    assert 405 == answer.status_code
    assert {"GET", "HEAD"} == set(answer.headers["Allow"].split(", "))


def test_probes_that_come_together_are_answered_in_turn(service):
    """A thousand requests in one segment: without recursion, and each is answered."""
    one = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert 1001 == raw(service, one * 1000 + last).count("HTTP/1.1 200 OK")


def test_lost_tables_are_noticed_soon_and_so_is_their_return(tmp_path):
    """All calls go to threads here, too."""
    with running(tmp_path, DISCOUNT_RATE_LIMIT_STORAGE_URL="redis://127.0.0.1:1") as service:
        with closing(sqlite3.connect(tmp_path / "discount.db", timeout=10)) as database:
            database.execute(f"ALTER TABLE {VERSION_TABLE} RENAME TO away")
            database.commit()
            began = time.monotonic()
            wait_until(lambda: 503 == readiness(service))
            wait_until(lambda: 'readiness_check{check="tables"} 0.0' in scraped(service))
            assert 'readiness_check{check="database"} 1.0' in scraped(service)
            database.execute(f"ALTER TABLE away RENAME TO {VERSION_TABLE}")
            database.commit()
            wait_until(lambda: 200 == readiness(service))
        assert time.monotonic() - began < 8
        assert 200 == requests.get(f"{service.url}/livez", timeout=5).status_code


def test_a_disk_that_lets_nobody_write_is_not_ready_and_shows_in_the_metrics(tmp_path):
    """As a frozen file system: writers open a FIFO that nobody else opens, and hang.

    The server's master hangs as well when it wants to replace a worker, and answers scrapes
    nevertheless.
    """
    with running(tmp_path) as service:
        create(service)
        writers = tmp_path / "discount.db-writers"
        os.mkfifo(tmp_path / "blocking")
        (tmp_path / "blocking").replace(writers)
        try:
            wait_until(lambda: 503 == readiness(service), within_s=PROMPT_S + ANSWERED_S)
            checks = requests.get(f"{service.url}/readyz", timeout=5).json()["checks"]
            assert "timed out" == checks["database"]
            assert 200 == requests.get(f"{service.url}/livez", timeout=PROMPT_S).status_code
            wait_until(lambda: 'readiness_check{check="database"} 0.0' in scraped(service))
            wait_until(lambda: "\ndiscount_database_up 0.0" in scraped(service), within_s=5)
            (worker,) = psutil.Process(service.process.pid).children()
            worker.kill()
            wait_until(lambda: "\ndiscount_workers 0.0" in scraped(service), within_s=5)
            assert "\ndiscount_database_up 0.0" in scraped(service)
        finally:
            release = os.open(writers, os.O_RDWR)
            writers.unlink()
            os.close(release)
        wait_until(lambda: 200 == requests_or_none(f"{service.url}/readyz"))
        wait_until(lambda: "\ndiscount_database_up 1.0" in scraped(service))
        assert create(service).ok


def requests_or_none(url):
    """Return the status of an answer, `None` if nobody answers."""
    with suppress(requests.ConnectionError):
        return requests.get(url, timeout=5).status_code
    return None


def scraped(service):
    return requests.get(service.metrics_url, timeout=5).text


def readiness(service):
    return requests.get(f"{service.url}/readyz", timeout=5).status_code


def test_with_every_thread_held_a_request_is_refused_in_time(service):
    """Threads wait for bodies; a request that waits for one of them is answered in time."""
    head = (
        "POST /v1/brands/b/campaigns/default/imports HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {bearer()['Authorization']}\r\nContent-Type: text/csv\r\n"
        "Content-Length: 1000000\r\n\r\ncode\n"
    )
    port = int(service.environment["PORT"])
    clients = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(8)]
    for client in clients:
        client.sendall(head.encode())
    began = time.monotonic()
    answer = requests.get(f"{service.url}/v1/brands", headers=bearer(), timeout=30)
    assert answer.status_code in {200, 503}
    assert time.monotonic() - began < ANSWERED_S + 1
    for client in clients:
        client.close()
