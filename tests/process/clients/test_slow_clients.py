"""Clients that read or send slowly, or never end: they hold no thread, memory or place."""

import re
import socket
import time
from contextlib import ExitStack, closing

import psutil
import pytest
import requests

from service.server import open_files
from service.server.http.head import MAX_HEAD
from service.server.http.receiving import SMALL_BODY
from tests.support.running import DISCOUNT, running
from tests.support.tokens import bearer

TOKEN = bearer()["Authorization"]
BUNDLE = "/apidocs/static/swagger-ui-bundle.js"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
C = "/v1/brands/brand1/campaigns/default"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One worker with four threads."""
    folder = tmp_path_factory.mktemp("service")
    with running(folder, WEB_THREADS="4") as running_service:
        yield running_service


def connect(service, *, small=False):
    """Connect; with a small receive buffer, if `small`."""
    client = socket.socket()
    client.settimeout(20)
    if small:  # otherwise loopback buffers megabytes at once
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(service.environment["PORT"])))
    return client


def head(method, path, *fields):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def create_head(*fields):
    fields = ("Content-Type: application/json", f"Authorization: {TOKEN}", *fields)
    return head("POST", "/v1/discount/create", *fields)


def everybody_is_served(service):
    """Require that another client gets answers of threads and of the loop, each within a moment."""
    for _ in range(3):
        for path in ("/livez", "/v1/brands", f"{C}/codes/NONE"):
            answer = requests.get(f"{service.url}{path}", headers=bearer(), timeout=5)
            assert answer.status_code in {200, 404}
    return True


def everything_from(client):
    """Return all that comes until the server ends."""
    received = b""
    while part := client.recv(65536):
        received += part
    return received


def test_readers_who_do_not_read_hold_no_thread(service):
    with ExitStack() as stack:
        for _ in range(16):
            client = stack.enter_context(connect(service, small=True))
            client.sendall(head("GET", BUNDLE))
            assert client.recv(12) == b"HTTP/1.1 200"
        assert everybody_is_served(service)


def test_a_slow_reader_gets_the_whole_answer(service):
    whole = requests.get(f"{service.url}{BUNDLE}", timeout=10).content
    with connect(service, small=True) as client:
        client.sendall(head("GET", BUNDLE, "Connection: close"))
        received = everything_from(client)
    assert received.partition(b"\r\n\r\n")[2] == whole


def test_a_connection_is_kept_after_an_answer_that_went_out_in_parts(service):
    with connect(service, small=True) as client:
        client.sendall(head("GET", BUNDLE) + head("GET", "/livez", "Connection: close"))
        received = everything_from(client)
    assert 2 == received.count(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b'{"status":"ok"}')


def test_heads_without_an_end_are_refused_and_hold_no_thread(service):
    """Heads are refused as soon as they exceed the limit."""
    sent = b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"X-Y: aaaaaaaaaaaaaaaa\r\n" * (MAX_HEAD // 23)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(service)) for _ in range(160)]
        for client in clients:
            client.sendall(sent + b"a" * 100)
        assert everybody_is_served(service)
        for client in clients:
            assert client.recv(4096).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "begun",
    [
        create_head("Content-Length: 500000") + b"{",
        create_head("Content-Length: 900") + b"{",
        create_head("Transfer-Encoding: chunked") + b"5\r\n{",
        create_head("Transfer-Encoding: chunked") + b"%x\r\n{" % (SMALL_BODY + 1),
        create_head("Content-Length: 900", "Expect: 100-continue"),
    ],
    ids=["long", "short", "chunked", "long chunk", "expect"],
)
def test_callers_who_send_slowly_hold_no_thread(service, begun):
    """Bodies of well-behaved callers are collected in the loop, too."""
    with ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(connect(service)).sendall(begun)
        assert everybody_is_served(service)


@pytest.mark.parametrize("size", [SMALL_BODY // 2, SMALL_BODY * 4])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("expect", [False, True])
def test_a_body_in_pieces_is_read_whole(service, size, chunked, expect):
    body = b'{"brand": "pieces", "number_to_create": 1}'.ljust(size)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    fields = (length, "Expect: 100-continue") if expect else (length,)
    with connect(service) as client:
        client.sendall(create_head(*fields))
        if expect:
            assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for at in range(0, size, 5000):
            part = body[at : at + 5000]
            client.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            client.sendall(b"0\r\n\r\n")
        client.sendall(head("GET", "/livez", "Connection: close"))
        received = everything_from(client)
    assert 2 == received.count(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head("POST", "/v1/discount/create"), 401),
        (head("POST", "/v1/nothing", f"Authorization: {TOKEN}"), 404),
        (head("PATCH", "/v1/discount/create", f"Authorization: {TOKEN}"), 405),
        (head("POST", "/livez"), 405),
        (create_head().replace(b"application/json", b"text/plain"), 415),
        (create_head().replace(b"application/json", b"application/xml"), 415),
        (head("POST", f"{C}/imports", "Content-Type: text/csv"), 401),
        (head("POST", f"{C}/imports", f"Authorization: {TOKEN}"), 415),
    ],
)
@pytest.mark.parametrize("length", ["Content-Length: 60000", "Transfer-Encoding: chunked"])
def test_what_the_head_decides_asks_for_no_body_and_ends_the_connection(
    service, sent, status, length
):
    """One answer: without a `100 Continue` before it, or a second request behind it."""
    sent = sent[:-2] + f"{length}\r\nExpect: 100-continue\r\n\r\n".encode()
    with connect(service) as client:
        client.sendall(sent + (b"5\r\n" if "chunked" in length else LIVEZ))
        received = everything_from(client)
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert 1 == received.count(b"HTTP/1.1 ")
    assert b"\r\nConnection: close\r\n" in received


def test_a_body_that_is_too_long_is_not_asked_for(service):
    with connect(service) as client:
        client.sendall(create_head("Content-Length: 2000000", "Expect: 100-continue"))
        received = everything_from(client)
    assert received.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (head("POST", "/livez", "Transfer-Encoding: chunked") + b"0\r\nHost: evil\r\n\r\n", [400]),
        (head("POST", "/livez", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + LIVEZ, [405, 200]),
        (head("POST", "/livez", "Transfer-Encoding: chunked") + b"zz\r\n" + LIVEZ, [400]),
        (head("GET", "/livez", "Content-Length: 600000") + b"a" * 600000 + LIVEZ, [200]),
        (head("GET", "/livez", "Content-Length: 600") + b"a" * 600 + LIVEZ, [200, 200]),
        (head("GET", "/livez", "Connection: TE, close") + LIVEZ, [200]),
        (head("GET", "/livez", "Connection: TE", "Connection: close") + LIVEZ, [200]),
        (head("GET", "/livez", "Expect: something") + LIVEZ, [417]),
        (head("CONNECT", "x:80") + LIVEZ, [401]),
    ],
)
def test_one_request_has_one_answer(service, sent, statuses):
    """After an answer that closes the connection, nothing is read as a request."""
    with connect(service) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        received = everything_from(client)
    answers = [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", received)]
    assert statuses == answers
    kept = [option == b"keep-alive" for option in re.findall(rb"Connection: (\S+)", received)]
    assert [True] * (len(statuses) - 1) == kept[:-1]


@pytest.mark.parametrize(
    "sent",
    [LIVEZ * 2000, create_head("Transfer-Encoding: chunked") + b"1\r\n \r\n" * 13_000],
    ids=["pipelined probes", "chunks of a byte"],
)
def test_a_client_that_sends_much_at_once_delays_no_probe(service, sent):
    """Buffered data takes many turns of the loop, each of which accepts new connections."""
    assert any(is_probed_promptly(service, sent) for _ in range(10)), "not even once in ten"


def is_probed_promptly(service, sent):
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(service)) for _ in range(64)]
        for client in clients:
            client.sendall(sent)
        answer = requests.get(f"{service.url}/livez", timeout=30)
    return answer.ok and answer.elapsed.total_seconds() < 1


def test_half_sent_heads_at_the_limit_of_connections_keep_nobody_out(tmp_path):
    """A later client has a place at once: a probe must not wait until another has left."""
    files = open_files.OF_A_PROCESS + open_files.OF_A_THREAD + open_files.OF_SCRAPES + 1
    limited = ("/bin/sh", "-c", f"ulimit -n {files}; exec {DISCOUNT} serve")
    with running(tmp_path, limited, WEB_THREADS="1") as crowded, ExitStack() as stack:
        for _ in range(3 * open_files.FEWEST_CONNECTIONS):
            stack.enter_context(connect(crowded)).sendall(b"GET /livez HTTP/1.1\r\nHost")
        for _ in range(10):
            assert requests.get(f"{crowded.url}/livez", timeout=4).ok


def test_half_sent_requests_take_little_memory(service):
    """Thousands of connections with a byte each, and some that send as much as they may."""
    (worker,) = psutil.Process(service.process.pid).children()
    with ExitStack() as stack:
        before = worker.memory_info().rss
        for _ in range(800):
            stack.enter_context(closing(connect(service))).sendall(b"GET / HTTP/1.1\r\nHost")
        assert everybody_is_served(service)
        assert worker.memory_info().rss - before < 800 * 8 * 1024


def test_a_request_that_comes_too_slowly_is_refused_in_time(service):
    with connect(service) as client:
        client.sendall(create_head("Content-Length: 900") + b"{")
        began = time.monotonic()
        received = everything_from(client)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 15
