"""Requests that wait for a thread are refused in time, and then never begun."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.server.thread_queue import ThreadQueue
from service.usecases import deadlines
from tests.support.waiting import wait_until


@pytest.fixture
def outcomes():
    return []


@pytest.fixture
def may_answer():
    return threading.Event()


@pytest.fixture
def queue(outcomes, may_answer):
    """One thread, which is blocked until `may_answer`."""

    def handle(conn):
        may_answer.wait(20)
        outcomes.append(("handled", conn, deadlines.left(100) < 100))

    def finish(conn, done):
        outcomes.append(("finished", conn, done.cancelled()))

    with ThreadPoolExecutor(1) as threads:
        yield ThreadQueue(threads, handle, finish, lambda conn: outcomes.append(("refused", conn)))
        may_answer.set()


def test_who_waits_for_too_long_is_refused_and_who_has_a_thread_is_not(
    queue, outcomes, may_answer, monkeypatch
):
    queue.put("first")
    queue.put("second")
    queue.expire()
    assert [] == outcomes
    assert 4 < queue.poll_timeout(100) < deadlines.ANSWER_TIMEOUT_S
    monkeypatch.setattr(deadlines, "ANSWER_TIMEOUT_S", 0)
    queue.put("third")
    monkeypatch.setattr("time.monotonic", lambda: float("inf"))
    queue.expire()
    monkeypatch.undo()
    assert [
        ("finished", "second", True),
        ("refused", "second"),
        ("finished", "third", True),
        ("refused", "third"),
    ] == outcomes
    may_answer.set()
    while len(outcomes) < 6:
        threading.Event().wait(0.01)
    assert [("handled", "first", True), ("finished", "first", False)] == outcomes[4:]


def test_unanswered_requests_are_counted_and_the_age_of_the_oldest_is_known(
    queue, outcomes, may_answer
):
    """Not of one in a transfer, which may take long."""
    assert (0, math.inf) == queue.unanswered(set())
    before = time.monotonic()
    queue.put("first")
    after = time.monotonic()
    queue.put("second")
    wait_until(lambda: queue.unanswered(Everything())[1] > after)  # the first has a thread
    number, arrived = queue.unanswered(set())
    assert (2, True) == (number, before <= arrived <= after)
    may_answer.set()
    wait_until(lambda: (0, math.inf) == queue.unanswered(set()))


class Everything:
    """Contains each thread."""

    def __contains__(self, _thread):
        return True


def test_with_nobody_waiting_the_loop_may_wait(queue):
    queue.expire()
    assert 7 == queue.poll_timeout(7)


def test_where_there_is_no_room_who_waits_for_longest_is_refused(queue, outcomes, may_answer):
    for name in ("first", "second", "third"):
        queue.put(name)
    assert queue.refuse_oldest()
    assert [("finished", "second", True), ("refused", "second")] == outcomes
    assert queue.refuse_oldest()
    assert not queue.refuse_oldest(), "the first has a thread"
    assert ("refused", "third") == outcomes[-1]


def test_some_have_threads_of_their_own(queue, outcomes, may_answer):
    """Requests for other threads are refused in turn with the rest, and wait for none of it."""
    with ThreadPoolExecutor(1) as own:
        queue.put("first")
        queue.put("page", own)
        queue.put("another page", own)
        queue.put("second")
        assert queue.refuse_oldest()
        assert ("refused", "another page") == outcomes[-1]
        may_answer.set()
    assert ("handled", "page", True) in outcomes
