"""Requests that wait for a thread: refused in time, and then never begun."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.call import deadlines
from service.server.thread_queue import ThreadQueue


@pytest.fixture
def told():
    return []


@pytest.fixture
def go_on():
    return threading.Event()


@pytest.fixture
def queue(told, go_on):
    """One thread, which is held up until `go_on`."""

    def handle(conn):
        go_on.wait(20)
        told.append(("handled", conn, deadlines.left(100) < 100))

    def finish(conn, done):
        told.append(("finished", conn, done.cancelled()))

    with ThreadPoolExecutor(1) as threads:
        yield ThreadQueue(threads, handle, finish, lambda conn: told.append(("refused", conn)))
        go_on.set()


def test_who_waits_for_too_long_is_refused_and_who_has_a_thread_is_not(
    queue, told, go_on, monkeypatch
):
    queue.put("first")
    queue.put("second")
    queue.expire()
    assert [] == told
    assert 4 < queue.patience(100) < deadlines.ANSWER_WITHIN_S
    monkeypatch.setattr(deadlines, "ANSWER_WITHIN_S", 0)
    queue.put("third")
    monkeypatch.setattr("time.monotonic", lambda: float("inf"))
    queue.expire()
    monkeypatch.undo()
    assert [
        ("finished", "second", True),
        ("refused", "second"),
        ("finished", "third", True),
        ("refused", "third"),
    ] == told
    go_on.set()
    while len(told) < 6:
        threading.Event().wait(0.01)
    assert [("handled", "first", True), ("finished", "first", False)] == told[4:]


def test_with_nobody_waiting_the_loop_may_wait(queue):
    queue.expire()
    assert 7 == queue.patience(7)


def test_where_there_is_no_room_who_waits_for_longest_is_refused(queue, told, go_on):
    for name in ("first", "second", "third"):
        queue.put(name)
    assert queue.refuse_oldest()
    assert [("finished", "second", True), ("refused", "second")] == told
    assert queue.refuse_oldest()
    assert not queue.refuse_oldest(), "the first has a thread"
    assert ("refused", "third") == told[-1]
