"""An event that a signal handler may set.

`threading.Event` is not one: a handler runs between two instructions of the main thread, and if
that thread holds the event's lock, because it is about to wait, `set` waits for it forever.
"""

import os
import select


class SignalEvent:
    """An event that the main thread waits for, and that one of its signal handlers sets."""

    def __init__(self) -> None:
        self._set = False
        self._readable, self._writable = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._readable, select.POLLIN)

    def set(self) -> None:
        """Set the event, and end a wait (the self-pipe trick)."""
        if not self._set:
            self._set = True
            os.write(self._writable, b"\0")

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self._set

    def wait(self, timeout: float) -> bool:
        """Wait for the event at most `timeout` seconds; return whether it is set."""
        if not self._set:
            self._poll.poll(max(0.0, timeout) * 1000)
        return self._set

    def close(self) -> None:
        """Close the pipe; a signal that comes later finds the event set."""
        self._set = True
        os.close(self._readable)
        os.close(self._writable)
