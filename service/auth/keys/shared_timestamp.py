"""A timestamp in memory that processes of one parent share: since when something has failed."""

import mmap
import struct
import time

_FORM = struct.Struct("d")


class SharedTimestamp:
    """The time of the first failure, in memory that is shared with every process forked later."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _FORM.size)

    def set(self) -> None:
        """Store the current time, unless there is an earlier one."""
        if not self._read():
            self._write(time.monotonic())  # one clock for all processes of a machine

    def clear(self) -> None:
        """Remove the time."""
        self._write(0.0)

    def elapsed_s(self) -> float:
        """Return the seconds that have passed, 0 if no time is stored."""
        began = self._read()
        return time.monotonic() - began if began else 0.0

    def _read(self) -> float:
        began: float = _FORM.unpack(self._memory[:])[0]
        return began

    def _write(self, moment: float) -> None:
        self._memory[:] = _FORM.pack(moment)
