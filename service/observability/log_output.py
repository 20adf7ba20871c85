"""Output of log lines to a stream that may be full, broken, or without a reader.

Logging neither blocks nor fails. A line is written immediately if that cannot block; else it is
buffered, and a thread writes it as soon as the reader continues. Lines that can be neither buffered
nor written are dropped and counted.
"""

import atexit
import os
import select
import socket
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

MAX_LINES = 4096
"""Lines that are buffered for a stalled reader: a few megabytes."""
MAX_WRITE = 64 * 1024
"""Bytes of lines in one write; a single line may be longer."""
FLUSH_TIMEOUT_S = 1.0
"""How long a process that exits waits for a reader to take the buffered lines."""
POLL_INTERVAL_MS = 1000

Send = Callable[[bytes], int]
"""Writes as much as possible without blocking, and returns the number of bytes."""


class DroppedLines:
    """A counter of dropped lines."""

    def __init__(self) -> None:
        self.total = 0
        self._taken = 0
        os.register_at_fork(after_in_child=self._forget)

    def add(self, number: int) -> None:
        """Count lines, without a lock: a fork may happen at any time."""
        self.total += number

    def take(self) -> int:
        """Return the number since the last call."""
        new = self.total - self._taken
        self._taken += new
        return new

    def _forget(self) -> None:
        """Reset the counter in a child."""
        self.total = self._taken = 0


DROPPED = DroppedLines()
"""The dropped lines of this process."""


class LogOutput(Protocol):
    """An output for whole lines."""

    def write(self, line: bytes) -> None:
        """Write a line, or drop it."""


class StreamOutput:
    """A Python stream without a file descriptor, such as those of tests."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        """Write a line, or drop it."""
        try:
            self._stream.write(line.decode(errors="replace"))
            self._stream.flush()
        except (OSError, ValueError):
            DROPPED.add(1)


class FileOutput:
    """A file descriptor, shared by the threads of a process.

    No thread waits for another's write: lines that arrive meanwhile go into the next write.

    Args:
        descriptor: The descriptor, which stays open.
    """

    def __init__(self, descriptor: int) -> None:
        opened = _without_blocking(descriptor)
        self._descriptor = descriptor
        self._may_block = opened is None
        self._most = _largest_write(descriptor)
        self._send: Send = opened or _writer(descriptor)
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.flush)

    def _begin(self) -> None:
        """Start with an empty buffer: after a fork, the parent writes what was buffered."""
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._torn = self._stalled = False
        self._writing = threading.Lock()

    def write(self, line: bytes) -> None:
        """Write, buffer or drop a line, without blocking."""
        if len(self._lines) >= MAX_LINES:
            DROPPED.add(1)
            return
        self._lines.append(line)
        if self._stalled:
            return
        if self._may_block:
            self._stall()
        else:
            self._drain()

    def flush(self, seconds: float = FLUSH_TIMEOUT_S) -> None:
        """Write the buffered lines, as far as a reader takes them in time."""
        deadline = time.monotonic() + seconds
        while (self._lines or self._rest) and (left := deadline - time.monotonic()) > 0:
            if self._may_block:
                time.sleep(min(0.01, left))  # the thread writes: a write here might block for ever
            else:
                _wait_writable(self._descriptor, left * 1000)
                self._stalled = False
                self._drain()

    def _drain(self) -> None:
        """Write until the buffer is empty or nobody reads; one thread does so for all."""
        blocked = False
        while (
            (self._lines or self._rest)
            and not (blocked or self._stalled)
            and self._writing.acquire(blocking=False)
        ):
            try:
                blocked = self._write_some()
            finally:
                self._writing.release()
        if blocked:
            self._stall()

    def _write_some(self) -> bool:
        """Write a part of the buffer; return whether that would have blocked."""
        self._rest = self._rest or self._gather()
        try:
            sent = self._send(self._rest)
        except BlockingIOError:
            return True
        except OSError:
            DROPPED.add(self._rest.count(b"\n") - self._rest.startswith(b"\n"))
            self._rest = b""
        else:
            self._torn = sent > 0 and self._rest[sent - 1] != _NEWLINE
            self._rest = self._rest[sent:]
        return False

    def _gather(self) -> bytes:
        """Return lines for one write, after a line break if the last line is torn."""
        taken = bytearray(b"\n" if self._torn else b"")
        begun = len(taken)
        while self._lines and (
            len(taken) == begun or len(taken) + len(self._lines[0]) <= self._most
        ):
            taken += self._lines.popleft()
        return bytes(taken)

    def _stall(self) -> None:
        """Let a thread write the rest when somebody reads."""
        self._stalled = True
        try:
            threading.Thread(target=self._wait, name="log", daemon=True).start()
        except RuntimeError:  # no more threads: the next line tries again
            self._stalled = False

    def _wait(self) -> None:
        """Wait until somebody reads, and write until the buffer is empty."""
        while self._lines or self._rest:
            if self._may_block or _wait_writable(self._descriptor, POLL_INTERVAL_MS):
                with self._writing:
                    if self._lines or self._rest:
                        self._write_some()
        self._stalled = False
        if self._lines:  # since the last look
            self._stall() if self._may_block else self._drain()


_NEWLINE = ord("\n")


def _largest_write(descriptor: int) -> int:
    """Return how many bytes one write may have.

    Several processes write to one pipe: a write longer than PIPE_BUF may be partial, with lines of
    others after it (pipe(7)).
    """
    return select.PIPE_BUF if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else MAX_WRITE


def _writer(descriptor: int) -> Send:
    return lambda data: os.write(descriptor, data)


def _without_blocking(descriptor: int) -> Send | None:
    """Return a function that writes without blocking; `None` if that is impossible.

    The flag O_NONBLOCK belongs to the open file description (open(2)), which others share: the
    shell that started us, or siblings. So a pipe or terminal is opened again; a regular file is
    not, as it does not block, and would get an offset of its own.
    """
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(kind):
        own = socket.socket(fileno=os.dup(descriptor))
        return lambda data: own.send(data, socket.MSG_DONTWAIT)
    if not (stat.S_ISFIFO(kind) or os.isatty(descriptor)):
        return _writer(descriptor)
    try:
        again = os.open(
            f"/proc/self/fd/{descriptor}",
            os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC,
        )
    except OSError:  # another user's, or no Linux
        return None
    return _writer(again)


def _wait_writable(descriptor: int, milliseconds: float) -> bool:
    """Wait until a write would not block, or would fail."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(milliseconds))


def standard_output() -> TextIO:
    """Return standard output; if it was closed at the start, the null device."""
    return sys.stdout or Path(os.devnull).open("w", encoding="utf-8")


_OUTPUTS: dict[tuple[int, int, int], FileOutput] = {}


def output_to(stream: TextIO) -> LogOutput:
    """Return the output for a stream, the same for all loggers."""
    try:
        descriptor = stream.fileno()
        found = os.fstat(descriptor)
    except (OSError, ValueError):
        return StreamOutput(stream)
    key = descriptor, found.st_dev, found.st_ino
    if key not in _OUTPUTS:
        _OUTPUTS[key] = FileOutput(descriptor)
    return _OUTPUTS[key]
