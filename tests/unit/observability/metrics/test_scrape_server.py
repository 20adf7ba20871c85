"""The metrics port: slow clients delay no others, and are closed when there are too many."""

import socket
import threading
import time
from contextlib import ExitStack, suppress
from statistics import median

import pytest
import requests
import structlog

from service.observability.metrics import scrape_server
from service.observability.metrics.scrape_messages import Request, Response
from service.observability.metrics.scrape_server import MAX_CONNECTIONS, ScrapeServer
from tests.support.waiting import wait_until

ANSWER = b"metric 1\n" * 10


@pytest.fixture
def answers():
    """The server's answer, which a test may change."""
    return [lambda _request: Response("200 OK", [("Content-Type", "text/plain")], ANSWER)]


@pytest.fixture
def server(answers, log):
    logger = structlog.wrap_logger(structlog.PrintLogger(log))

    def answer(request):
        return answers[0](request)

    made = ScrapeServer("127.0.0.1", 0, answer, logger)
    made.start()
    yield made
    made.stop()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), 10)


def scrape(server):
    return requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=10)


def read(client):
    """Read up to the end, or to a reset."""
    answer = b""
    with suppress(ConnectionResetError):
        while part := client.recv(65536):
            answer += part
    return answer


def test_a_scrape_is_answered(server):
    answer = scrape(server)
    assert (200, ANSWER, "close") == (
        answer.status_code,
        answer.content,
        answer.headers["Connection"],
    )


def test_who_asks_the_same_while_an_answer_is_made_shares_the_next(server, answers):
    """A scrape waits for two answers at most, however many others are sent."""
    begun, goes_on = threading.Event(), threading.Event()
    asked: list[Request] = []
    usual = answers[0]

    def answer(request):
        asked.append(request)
        begun.set()
        assert goes_on.wait(10)
        return usual(request)

    answers[0] = answer
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert number or begun.wait(10)
        wait_until(lambda: 19 == server._asked.qsize())  # noqa: SLF001
        goes_on.set()
        assert all(read(client).endswith(ANSWER) for client in clients)
    assert 2 == len(asked)


def test_the_request_is_read(server, answers):
    asked: list[Request] = []

    def answer(request):
        asked.append(request)
        return Response("200 OK", [], b"")

    answers[0] = answer
    with connect(server) as client:
        client.sendall(b"GET /metrics?name[]=a HTTP/1.1\r\nHost: x\r\nAccept:  text/plain\r\n\r\n")
        assert read(client).startswith(b"HTTP/1.1 200 OK\r\n")
    assert [("GET", "/metrics", "name[]=a", {"host": "x", "accept": "text/plain"})] == asked


def seconds_of_a_scrape(server):
    began = time.monotonic()
    assert scrape(server).ok
    return time.monotonic() - began


def test_many_that_send_half_a_head_hold_up_nobody(server):
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(server)).sendall(b"GET /metrics HTT")
        assert median(seconds_of_a_scrape(server) for _ in range(5)) < 1


def test_a_head_that_is_not_whole_in_time_is_cut(server, monkeypatch):
    monkeypatch.setattr(scrape_server, "HEAD_TIMEOUT_S", 0.2)
    with connect(server) as client:
        client.sendall(b"GET /met")
        assert b"" == read(client)


def test_who_takes_no_answer_holds_up_nobody_and_is_cut(server, answers, monkeypatch):
    monkeypatch.setattr(scrape_server, "SEND_TIMEOUT_S", 0.5)
    monkeypatch.setattr(scrape_server, "MAX_HELD", 20_000_000)
    answers[0] = lambda _request: Response("200 OK", [], b"x" * 8_000_000)
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(server)) for _ in range(5)]
        for client in slow:
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert 8_000_000 == len(scrape(server).content)
        time.sleep(0.6)
        for client in slow:
            assert len(read(client)) < 8_000_000


def test_a_client_that_has_sent_all_and_closes_its_side_is_answered(server):
    with connect(server) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert read(client).endswith(ANSWER)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"x" * 9000, b"400"),
    ],
)
def test_what_is_no_scrape_is_refused(server, sent, status):
    with connect(server) as client:
        client.sendall(sent)
        assert read(client).startswith(b"HTTP/1.1 " + status)


def test_an_answer_that_fails_is_logged(server, answers, log):
    answers[0] = lambda _request: 1 / 0
    assert 500 == scrape(server).status_code
    assert "scrape_failed" in log.text


def test_while_an_answer_is_made_others_are_received(server, answers):
    go_on = threading.Event()
    answers[0] = lambda _request: go_on.wait(20) and Response("200 OK", [], b"")
    with ExitStack() as stack:
        clients = []
        for _ in range(MAX_CONNECTIONS + 20):
            clients.append(stack.enter_context(connect(server)))
            clients[-1].sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        time.sleep(0.1)
        go_on.set()
        assert read(clients[0]).startswith(b"HTTP/1.1 200 OK")
    assert scrape(server).ok


def test_where_the_system_has_no_file_left_it_is_tried_again(server, monkeypatch):
    refused: list[int] = []
    accept = socket.socket.accept

    def refusing(listener):
        if len(refused) < 2:
            refused.append(1)
            raise OSError(24, "Too many open files")
        return accept(listener)

    monkeypatch.setattr(scrape_server, "PAUSE_S", 0.05)
    monkeypatch.setattr(socket.socket, "accept", refusing)
    began = time.monotonic()
    assert scrape(server).ok
    assert 2 == len(refused)
    assert time.monotonic() - began >= 0.1
