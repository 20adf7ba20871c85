"""Slow and broken clients: they starve no other, and get a reason."""

import resource
import socket
import time
from contextlib import ExitStack

import pytest
import requests

from tests.support.running import running
from tests.support.tokens import bearer

TOKEN = bearer()["Authorization"].encode()
HALF_HEAD = b"GET /v1/brands HTTP/1.1\r\nHost: x\r\nAuthor"
HALF_BODY = (
    b"POST /v1/discount/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Authorization: " + TOKEN + b"\r\nContent-Length: 100\r\n\r\n{"
)
STRANGERS_BODY = b"POST /v1/discount/create HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n{"
STRANGERS_CHUNKS = (
    b"POST /v1/discount/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"
)
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
PROMPT_S = 1.0
"""The service's limit on an idle machine."""
STARVED_S = 4.5
"""The limit for callers that wait until slow clients are ended (after 5 s)."""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A worker with few threads, which few slow clients would occupy."""
    folder = tmp_path_factory.mktemp("service")
    with running(folder, WEB_THREADS="4") as running_service:
        yield running_service


def connect(service):
    return socket.create_connection(("127.0.0.1", int(service.environment["PORT"])), 30)


def answers_promptly(service):
    """Several callers in a row are served before a slow client is ended, the quickest in a second.

    What else the machine does may hold the others up.
    """
    took = []
    for _ in range(5):
        began = time.monotonic()
        assert 200 == requests.get(f"{service.url}/livez", timeout=30).status_code
        answer = requests.get(f"{service.url}/v1/brands", headers=bearer(), timeout=30)
        assert 200 == answer.status_code
        took.append(time.monotonic() - began)
    return min(took) < PROMPT_S and max(took) < STARVED_S


@pytest.mark.parametrize(
    "sent",
    [HALF_HEAD, HALF_BODY, STRANGERS_BODY, STRANGERS_CHUNKS, b"", b"G"],
    ids=["half a head", "half a body", "a stranger's body", "chunks", "nothing", "one byte"],
)
def test_many_who_never_finish_starve_nobody(service, sent):
    with ExitStack() as stack:
        for _ in range(100):
            client = stack.enter_context(connect(service))
            client.sendall(sent)
        assert answers_promptly(service)


def test_thousands_of_idle_connections_starve_nobody(service):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        for number in range(3000):
            client = stack.enter_context(connect(service))
            if number % 3 == 0:
                client.sendall(LIVEZ)  # kept alive afterwards
            elif number % 3 == 1:
                client.sendall(HALF_HEAD)
        assert answers_promptly(service)


def test_a_trickle_is_ended_with_a_problem(service):
    """Single bytes do not keep a request alive, however many newer clients wait."""
    with ExitStack() as others, connect(service) as client:
        client.settimeout(1)
        began, answer = time.monotonic(), b""
        for byte in HALF_HEAD * 2:
            others.enter_context(connect(service))
            try:
                client.sendall(bytes([byte]))
                answer = client.recv(4096)
                break
            except TimeoutError:
                assert time.monotonic() - began < 60
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"/problems/request-timeout" in answer
        assert time.monotonic() - began > 5


def test_a_request_in_pieces_is_a_request(service):
    with connect(service) as client:
        for at in range(0, len(LIVEZ), 7):
            client.sendall(LIVEZ[at : at + 7])
            time.sleep(0.02)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_connection_is_kept_for_many_requests(service):
    with connect(service) as client:
        for _ in range(20):
            client.sendall(LIVEZ)
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                answer += client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"keep-alive" in answer


def test_requests_that_come_together_are_answered_in_turn(service):
    """Pipelined requests, also with the last one in two parts."""
    body = b'{"brand": "brand1", "number_to_create": 1}'
    head = (
        b"POST /v1/discount/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: " + TOKEN + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with connect(service) as client:
        client.sendall(head + body + LIVEZ + head + body[:10])
        answer = b""
        while answer.count(b"HTTP/1.1 200 OK") < 2:
            answer += client.recv(65536)
        last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        client.sendall(body[10:] + last)
        while part := client.recv(65536):
            answer += part
    assert 4 == answer.count(b"HTTP/1.1 200 OK")


def test_who_leaves_without_a_word_leaves_nothing_behind(service):
    for sent in (b"", HALF_HEAD, HALF_BODY, LIVEZ):
        for _ in range(50):
            with connect(service) as client:
                client.sendall(sent)
    assert answers_promptly(service)
    assert not [line for line in service.lines if line["level"] in {"error", "critical"}]
