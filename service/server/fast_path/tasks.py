"""TaskScheduler: an event loop does several things in turns, each going on where it had to wait.

A task is a greenlet: it looks like a thread to the code that it runs, but nothing else runs
beside it, and it is the task that says when others may. The store waits by signals
(`service.store.signals`), and need not know whether it is called in a task or in a thread.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from service.store.signals import Signal, ThreadSignal

Subject = TypeVar("Subject")


def current_task() -> "Task | None":
    """Return the task that calls, if it is one."""
    current = getcurrent()
    return current if isinstance(current, Task) else None


class TaskSignal:
    """Puts a task to sleep, and lets its thread go on with others."""

    __slots__ = ("is_set", "task")

    def __init__(self, task: "Task") -> None:
        self.task = task
        self.is_set = False

    def wait(self, timeout: float) -> bool:
        """Sleep for `timeout` seconds at most, and return whether it was set by then."""
        if not self.is_set:
            self.task.tasks.sleep(self, time.monotonic() + timeout)
        return self.is_set

    def set(self) -> None:
        """Let the task go on."""
        self.is_set = True
        self.task.tasks.wake(self)


class TaskSignals:
    """Signals where a caller may be a task, or a thread of its own."""

    def new(self) -> Signal:
        """Return a signal for the caller."""
        task = current_task()
        return TaskSignal(task) if task else ThreadSignal()

    def in_event_loop(self) -> bool:
        """Return whether the caller is a task."""
        return current_task() is not None


class Task(greenlet):
    """Does one job after the other, in turns with other tasks: a new one each would cost more."""

    def __init__(self, tasks: "TaskScheduler") -> None:
        super().__init__(self._work, tasks.loop)
        self.tasks = tasks
        self.job: tuple[Callable[[Any], None], Any] | None = None
        """What it is doing, if anything, and with what."""

    def _work(self) -> None:
        while self.job:
            do, subject = self.job
            do(subject)
            self.job = None
            self.tasks.loop.switch()


class TaskScheduler:
    """The tasks of an event loop. Its thread makes it, and calls all but `wake`.

    Args:
        call_soon: Has the loop call something; may be called in any thread.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], None]) -> None:
        self.loop = getcurrent()
        self.running = 0
        """How many have begun and not ended."""
        self.next_expiry = math.inf
        """Before this, on the clock `time.monotonic`, nobody has waited for too long."""
        self._call_soon = call_soon
        self._asleep: dict[TaskSignal, float] = {}
        """What is waited for, and until when at most."""
        self._set: deque[TaskSignal] = deque()
        self._called = False
        self._idle: list[Task] = []

    def poll_timeout(self, seconds: float) -> float:
        """Return for how long, up to `seconds`, nobody will have waited for too long."""
        return max(0.0, min(seconds, self.next_expiry - time.monotonic()))

    def start(self, do: Callable[[Subject], None], subject: Subject) -> None:
        """Begin to do something, which must not raise; return when it sleeps, or is done."""
        self.running += 1
        task = self._idle.pop() if self._idle else Task(self)
        task.job = do, subject
        self._resume(task)

    def sleep(self, signal: TaskSignal, until: float) -> None:
        """Let others run until `signal` is set, or until `until`; called by the task itself."""
        self._asleep[signal] = until
        self.next_expiry = min(self.next_expiry, until)
        self.loop.switch()

    def wake(self, signal: TaskSignal) -> None:
        """Have a task go on; one call of the loop does for all that are woken meanwhile."""
        self._set.append(signal)
        if not self._called:
            self._called = True
            self._call_soon(self._wake)

    def expire(self) -> None:
        """Have those go on that have waited for too long."""
        now = time.monotonic()
        if now >= self.next_expiry:
            for signal in [signal for signal, until in self._asleep.items() if until <= now]:
                self.wake_task(signal)
            self.next_expiry = min(self._asleep.values(), default=math.inf)

    def _wake(self) -> None:
        self._called = False  # before looking: whoever comes later calls again
        while self._set:
            self.wake_task(self._set.popleft())

    def wake_task(self, signal: TaskSignal) -> None:
        """Have a task go on now, if it still sleeps."""
        if self._asleep.pop(signal, None) is not None:
            self._resume(signal.task)

    def _resume(self, task: Task) -> None:
        task.switch()
        if task.job is None:
            self.running -= 1
            self._idle.append(task)
