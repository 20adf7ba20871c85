"""Signals that callers of the store wait for, set by other threads.

Callers are threads, unless other signals are given: the server answers some calls in its event
loop, where no call may block the thread (ADR 11).
"""

import threading
from typing import Protocol


class Signal(Protocol):
    """An event that one caller waits for, and another thread sets."""

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds at most, and return whether the signal was set."""

    def set(self) -> None:
        """Wake the caller; may be called in any thread."""


class Signals(Protocol):
    """A factory of signals for callers: threads, or tasks of an event loop."""

    def new(self) -> Signal:
        """Return a signal for the caller."""

    def in_event_loop(self) -> bool:
        """Return whether the caller runs in an event loop, and so must not block its thread."""


class ThreadSignal:
    """A signal that blocks a whole thread."""

    __slots__ = ("_asleep",)

    def __init__(self) -> None:
        self._asleep = threading.Lock()  # nothing is cheaper to wait on
        self._asleep.acquire()

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds at most, and return whether the signal was set."""
        return self._asleep.acquire(timeout=max(0.0, timeout))

    def set(self) -> None:
        """Wake the thread."""
        self._asleep.release()


class ThreadSignals:
    """Signals for callers that are all threads."""

    def new(self) -> Signal:
        """Return a signal for the calling thread."""
        return ThreadSignal()

    def in_event_loop(self) -> bool:
        """Return `False`: the caller may block its thread."""
        return False
