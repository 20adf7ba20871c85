"""Signals: how a caller of the store sleeps until another thread has done what it waits for.

Callers are threads, unless whoever opens the database says otherwise: the server answers some calls
in its event loop, where no call may put the thread to sleep (ADR 11).
"""

import threading
from typing import Protocol


class Signal(Protocol):
    """An event for one caller to wait for, set once by another thread."""

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds at most, and return whether the signal was set."""

    def set(self) -> None:
        """Let the caller go on; may be called in any thread."""


class Signals(Protocol):
    """Makes signals for whatever calls: a thread, or a task of an event loop."""

    def new(self) -> Signal:
        """Return a signal for the caller to wait for."""

    def in_event_loop(self) -> bool:
        """Return whether the caller shares its thread with others, and so must not block it."""


class ThreadSignal:
    """Puts a whole thread to sleep."""

    __slots__ = ("_asleep",)

    def __init__(self) -> None:
        self._asleep = threading.Lock()  # nothing is cheaper to wait on
        self._asleep.acquire()

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds at most, and return whether the signal was set."""
        return self._asleep.acquire(timeout=max(0.0, timeout))

    def set(self) -> None:
        """Let the thread go on."""
        self._asleep.release()


class ThreadSignals:
    """Signals where every caller is a thread."""

    def new(self) -> Signal:
        """Return a signal for the calling thread."""
        return ThreadSignal()

    def in_event_loop(self) -> bool:
        """Return that the caller may block its thread."""
        return False
