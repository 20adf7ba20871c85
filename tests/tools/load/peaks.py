"""Sampling of the memory and processor time of processes."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Self

import psutil

INTERVAL_S = 0.05
MIB = 2**20

Groups = dict[str, Callable[[], Iterable[psutil.Process]]]
"""Groups of processes, which are looked up repeatedly."""


class Peaks:
    """While its block lasts, keeps the largest memory that any process of each group had.

    What PostgreSQL's processes share is not counted: it is there before anything begins.
    """

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._ends = threading.Event()
        self.mib = dict.fromkeys(groups, 0.0)
        self.cpu_s = 0.0

    def __enter__(self) -> Self:
        self._before = self._cpu()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self.cpu_s = self._cpu() - self._before

    def _watch(self) -> None:
        while not self._ends.wait(INTERVAL_S):
            self._look()

    def _look(self) -> None:
        for name, processes in self._groups.items():
            for process in processes():
                with suppress(psutil.Error):
                    memory = process.memory_info()
                    self.mib[name] = max(self.mib[name], (memory.rss - memory.shared) / MIB)

    def _cpu(self) -> float:
        seconds = 0.0
        for processes in self._groups.values():
            for process in processes():
                with suppress(psutil.Error):
                    seconds += sum(process.cpu_times()[:2])
        return seconds


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and what it has started."""
    with suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []
