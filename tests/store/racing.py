"""Concurrent processes: one that imports everything once forks the others."""

import multiprocessing
import sys
from collections.abc import Callable
from typing import Any

RACERS = 3


def race(act: Callable[..., None], *arguments: Any) -> None:
    """Have some processes do `act` at once; it gets a barrier, and then the arguments.

    The process of the tests has threads, which no fork may interrupt: another forks.

    Raises:
        AssertionError: One of them failed, and has said why.
    """
    starter = multiprocessing.get_context("spawn").Process(target=_start, args=(act, arguments))
    starter.start()
    starter.join()
    assert 0 == starter.exitcode


def _start(act: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(RACERS)
    racers = [fork.Process(target=act, args=(barrier, *arguments)) for _ in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    sys.exit(any(racer.exitcode for racer in racers))
