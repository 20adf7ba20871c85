"""Tasks of an event loop: greenlets that run in turns, and continue where they had to wait.

A task looks like a thread to its code, but nothing else runs meanwhile: the task itself
decides when others may run. The store waits with signals (`service.store.signals`), and need not
know whether its caller is a task or a thread.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from service.store.signals import Signal, ThreadSignal

Subject = TypeVar("Subject")


def current_task() -> "Task | None":
    """Return the current task, if the caller is one."""
    current = getcurrent()
    return current if isinstance(current, Task) else None


class TaskSignal:
    """A signal that a task waits for, while its thread runs other tasks."""

    __slots__ = ("is_set", "task")

    def __init__(self, task: "Task") -> None:
        self.task = task
        self.is_set = False

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds at most, and return whether the signal was set."""
        if not self.is_set:
            self.task.tasks.sleep(self, time.monotonic() + timeout)
        return self.is_set

    def set(self) -> None:
        """Wake the task."""
        self.is_set = True
        self.task.tasks.wake(self)


class TaskSignals:
    """Signals for callers that may be tasks or threads."""

    def new(self) -> Signal:
        """Return a signal for the caller."""
        task = current_task()
        return TaskSignal(task) if task else ThreadSignal()

    def in_event_loop(self) -> bool:
        """Return whether the caller is a task."""
        return current_task() is not None


class Task(greenlet):
    """A greenlet that does one job after the other: a new greenlet for each would cost more."""

    def __init__(self, tasks: "TaskScheduler") -> None:
        super().__init__(self._work, tasks.loop)
        self.tasks = tasks
        self.job: tuple[Callable[[Any], None], Any] | None = None
        """The current job and its argument, if there is one."""

    def _work(self) -> None:
        while self.job:
            do, subject = self.job
            do(subject)
            self.job = None
            self.tasks.loop.switch()


class TaskScheduler:
    """The scheduler of an event loop's tasks. The loop's thread makes it, and calls all but `wake`.

    Args:
        call_soon: Lets the loop call a function; may be called in any thread.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], None]) -> None:
        self.loop = getcurrent()
        self.running = 0
        """Number of tasks in progress."""
        self.next_expiry = math.inf
        """No timeout ends before this time of `time.monotonic`."""
        self._call_soon = call_soon
        self._asleep: dict[TaskSignal, float] = {}
        """Signals that tasks wait for, and their timeouts."""
        self._set: deque[TaskSignal] = deque()
        self._called = False
        self._idle: list[Task] = []
        self._all: list[Task] = []

    def poll_timeout(self, seconds: float) -> float:
        """Return the time until the next timeout, `seconds` at most."""
        return max(0.0, min(seconds, self.next_expiry - time.monotonic()))

    def start(self, do: Callable[[Subject], None], subject: Subject) -> None:
        """Start a job, which must not raise; return when it waits or is done."""
        self.running += 1
        task = self._idle.pop() if self._idle else self._new()
        task.job = do, subject
        self._resume(task)

    def _new(self) -> Task:
        task = Task(self)
        self._all.append(task)
        return task

    def subjects(self) -> Sequence[Any]:
        """Return the subjects of the jobs in progress; may be called in any thread."""
        return [job[1] for task in list(self._all) if (job := task.job)]

    def sleep(self, signal: TaskSignal, until: float) -> None:
        """Suspend the current task until `signal` is set, or until the time `until`."""
        self._asleep[signal] = until
        self.next_expiry = min(self.next_expiry, until)
        self.loop.switch()

    def wake(self, signal: TaskSignal) -> None:
        """Wake a task; one callback of the loop serves all tasks that are woken meanwhile."""
        self._set.append(signal)
        if not self._called:
            self._called = True
            self._call_soon(self._wake)

    def expire(self) -> None:
        """Wake the tasks whose timeout is over."""
        now = time.monotonic()
        if now >= self.next_expiry:
            for signal in [signal for signal, until in self._asleep.items() if until <= now]:
                self.wake_task(signal)
            self.next_expiry = min(self._asleep.values(), default=math.inf)

    def _wake(self) -> None:
        self._called = False  # before the queue is read: a later signal calls again
        while self._set:
            self.wake_task(self._set.popleft())

    def wake_task(self, signal: TaskSignal) -> None:
        """Resume a task now, if it still waits."""
        if self._asleep.pop(signal, None) is not None:
            self._resume(signal.task)

    def _resume(self, task: Task) -> None:
        task.switch()
        if task.job is None:
            self.running -= 1
            self._idle.append(task)
