"""Readiness: the latest result of a checking thread, unless it is too old."""

import contextvars
import threading

import pytest
import structlog

from service.domain.errors import Unavailable
from service.observability import probes
from service.observability.exchange import Exchange, Pseudonyms, RequestRecord, use_exchange
from service.observability.probes import Probes, Readiness


@pytest.fixture
def readiness(log):
    """Make a readiness with a single check, with short intervals."""

    def make(check, drain=lambda: None):
        logger = structlog.wrap_logger(structlog.PrintLogger(log))
        made.append(Readiness({"drain": drain}, {"database": check}, logger))
        return made[-1]

    made: list[Readiness] = []
    yield make
    for each in made:
        each.stop()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(probes, "INTERVAL_S", 0.02)
    monkeypatch.setattr(probes, "CHECK_TIMEOUT_S", 0.1)
    monkeypatch.setattr(probes, "_STALE_S", 0.5)
    monkeypatch.setattr(probes, "_REST_S", 0.01)


def until(readiness, text):
    for _ in range(1000):
        answer = readiness.answer()
        if text in answer.body:
            return answer
        threading.Event().wait(0.01)
    raise AssertionError(answer)


def test_without_a_thread_an_answer_looks_itself(readiness, log):
    words = [None, "read-only", None]
    asked = readiness(lambda: words.pop(0))
    assert ["200 OK", "503 SERVICE UNAVAILABLE", "200 OK"] == [
        asked.answer().status for _ in range(3)
    ]
    assert (1, 1) == (log.text.count("not_ready"), log.text.count("ready_again"))


class RefusedError(Exception):
    """What a pool raises that gets no connection."""

    pool_reason = "authentication failed"


def test_the_log_says_from_the_start_why_a_check_fails_and_strangers_do_not_hear_it(readiness, log):
    def refuse():
        raise Unavailable from RefusedError

    asked = readiness(refuse)
    asked.start()
    assert 1 == log.text.count("not_ready")
    assert "{'database': 'authentication failed'}" in log.text
    assert b"authentication" not in until(asked, b"unavailable").body
    assert 1 == log.text.count("not_ready")


def test_only_changes_are_logged(readiness, log):
    """The line of a request as well: a load balancer asks every second."""
    words = [None, None, "read-only", "read-only", "full", "full", None, None]
    watched = Probes(lambda *_: (), readiness(lambda: words.pop(0)))
    logged = [is_logged(watched, "/readyz") for _ in range(len(words))]
    assert [True, False, True, False, True, False, True, False] == logged
    assert (2, 1) == (log.text.count("not_ready"), log.text.count("ready_again"))
    assert [True, False, False] == [is_logged(watched, "/livez") for _ in range(3)]


def is_logged(watched, path):
    """Ask a probe, and return whether its request is logged."""
    exchange = Exchange(RequestRecord({}, Pseudonyms(lambda: b"")))

    def ask():
        use_exchange(exchange)
        watched({"PATH_INFO": path, "REQUEST_METHOD": "GET"}, lambda *_: None)
        return exchange.logged

    return contextvars.copy_context().run(ask)


def test_without_a_thread_a_check_that_hangs_has_timed_out(readiness):
    go_on = threading.Event()
    try:
        assert b'"database":"timed out"' in readiness(lambda: go_on.wait(20) and None).answer().body
    finally:
        go_on.set()


def test_a_thread_looks_and_answers_follow(readiness):
    hangs, go_on = threading.Event(), threading.Event()
    go_on.set()

    def check():
        if hangs.is_set():
            go_on.wait(20)

    watched = readiness(check)
    watched.start()
    assert until(watched, b'"database":"ok"').status.startswith("200")
    go_on.clear()
    hangs.set()
    answer = until(watched, b'"database":"timed out"')
    assert ("Retry-After", "1") in answer.headers
    hangs.clear()
    go_on.set()
    until(watched, b'"database":"ok"')


def test_a_drain_shows_at_once(readiness):
    drain: list[str | None] = [None]
    watched = readiness(lambda: None, lambda: drain[0])
    watched.start()
    until(watched, b'"status":"ready"')
    drain[0] = "draining"
    assert b'"drain":"draining"' in watched.answer().body


def test_a_thread_that_died_has_no_last_word(readiness):
    watched = readiness(lambda: None)
    watched.start()
    until(watched, b'"status":"ready"')
    watched.stop()
    until(watched, b'"database":"timed out"')


def test_whatever_a_check_raises_means_not_ready(readiness):
    assert b'"database":"unavailable"' in readiness(lambda: 1 / 0).answer().body
