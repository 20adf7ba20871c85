"""The faults, by what they are called in docs/alerts.md."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.tools.monitoring.scene import Scene

Fault = Callable[[Scene], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {}
MANY = 32
"""Callers; more than a service has threads."""


def fault(name: str) -> Callable[[Callable[[Scene], Iterator[None]]], None]:
    """Add a fault: it is there while the block runs."""

    def add(cause: Callable[[Scene], Iterator[None]]) -> None:
        FAULTS[name] = contextmanager(cause)

    return add
