"""The scheduler wakes each waiting task once, and no task delays others."""

import threading
from collections.abc import Callable

import pytest

from service.server.fast_path.tasks import TaskScheduler, TaskSignals
from service.store.signals import ThreadSignal

SOON_S = 10.0
SIGNALS = TaskSignals()


class Loop:
    """A minimal event loop, which calls deferred functions."""

    def __init__(self):
        self.calls: list[Callable[[], None]] = []
        self.tasks = TaskScheduler(self.calls.append)
        self.signals = {}
        self.done = []

    def turn(self):
        calls, self.calls[:] = list(self.calls), []
        for call in calls:
            call()

    def start(self, name, seconds=SOON_S):
        """Start a task that waits."""

        def wait():
            self.signals[name] = SIGNALS.new()
            self.done.append((name, self.signals[name].wait(seconds)))

        self.tasks.start(lambda _: wait(), None)


@pytest.fixture
def loop():
    return Loop()


def test_a_thread_waits_until_it_is_signalled():
    signal = SIGNALS.new()
    assert isinstance(signal, ThreadSignal)
    threading.Thread(target=signal.set).start()
    assert signal.wait(SOON_S)


def test_a_thread_sleeps_no_longer_than_it_wants():
    assert not SIGNALS.new().wait(0.01)


def test_tasks_wait_side_by_side_and_resume_as_signalled(loop):
    for name in "abc":
        loop.start(name)
    assert ([], 3) == (loop.done, loop.tasks.running)
    for name in "cab":
        loop.signals[name].set()
    loop.turn()
    assert [("c", True), ("a", True), ("b", True)] == loop.done
    assert 0 == loop.tasks.running


def test_one_callback_wakes_all_tasks_signalled_meanwhile(loop):
    for name in "abc":
        loop.start(name)
    for signal in loop.signals.values():
        signal.set()
    assert 1 == len(loop.calls)


def test_a_signal_that_is_set_before_anybody_waits_is_noticed(loop):
    heard = []

    def job():
        signal = SIGNALS.new()
        signal.set()
        heard.append(signal.wait(SOON_S))

    loop.tasks.start(lambda _: job(), None)
    loop.turn()
    assert [True] == heard


def test_who_waited_for_too_long_goes_on_and_is_not_woken_again(loop):
    loop.start("late", 0.0)
    loop.start("patient")
    loop.tasks.expire()
    assert [("late", False)] == loop.done
    loop.signals["late"].set()
    loop.signals["patient"].set()
    loop.turn()
    assert [("late", False), ("patient", True)] == loop.done


def test_a_late_word_for_one_job_does_not_wake_the_next_of_the_same_task(loop):
    loop.start("late", 0.0)
    loop.tasks.expire()
    loop.start("next")
    assert loop.signals["late"].task is loop.signals["next"].task
    loop.signals["late"].set()
    loop.turn()
    assert [("late", False)] == loop.done
    loop.signals["next"].set()
    loop.turn()
    assert [("late", False), ("next", True)] == loop.done


def test_a_task_is_woken_by_another_thread_and_goes_on_in_its_own(loop):
    threads = []

    def job():
        loop.signals["a"] = SIGNALS.new()
        loop.signals["a"].wait(SOON_S)
        threads.append(threading.get_ident())

    loop.tasks.start(lambda _: job(), None)
    setter = threading.Thread(target=loop.signals["a"].set)
    setter.start()
    setter.join()
    loop.turn()
    assert [threading.get_ident()] == threads


def test_a_pause_of_a_task_is_no_pause_of_others(loop):
    def job():
        SIGNALS.new().wait(0.0)
        loop.done.append("paused")

    loop.tasks.start(lambda _: job(), None)
    loop.tasks.start(loop.done.append, "other")
    loop.tasks.expire()
    assert ["other", "paused"] == loop.done
