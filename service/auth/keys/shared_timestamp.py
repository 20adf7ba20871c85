"""The moment since when something has been wrong, shared with every process forked later."""

import mmap
import struct
import time

_FORM = struct.Struct("d")


class SharedTimestamp:
    """The moment at which trouble began, in memory that the processes share; at first none."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _FORM.size)

    def set(self) -> None:
        """Note that there is trouble; an earlier moment stays."""
        if not self._read():
            self._write(time.monotonic())  # one clock for all processes of a machine

    def clear(self) -> None:
        """Note that there is none."""
        self._write(0.0)

    def elapsed_s(self) -> float:
        """Return how long the trouble has lasted, in seconds; 0 where there is none."""
        began = self._read()
        return time.monotonic() - began if began else 0.0

    def _read(self) -> float:
        began: float = _FORM.unpack(self._memory[:])[0]
        return began

    def _write(self, moment: float) -> None:
        self._memory[:] = _FORM.pack(moment)
