"""A worker within the test's process: it does all due jobs, and returns."""

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any

from service.domain.jobs import Job
from service.store.database import Database
from service.store.imports.files import SQLImports
from service.store.jobs.leases import SQLWork
from service.usecases.keys import JobKey
from service.usecases.ports.clock import system_clock
from service.usecases.ports.work import LEASE_S, Step
from service.usecases.working import Worker


class Heard:
    """An observer that records events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def names(self) -> list[str]:
        """The events without chunks."""
        return [name for name, _ in self.events if name != "chunk"]

    def taken(self, job: Job) -> None:
        self.events.append(("taken", job))

    def chunk(self, step: Step) -> None:
        self.events.append(("chunk", step))

    def ended(self, job: Job) -> None:
        self.events.append(("ended", job))

    def newer(self, key: JobKey) -> None:
        self.events.append(("newer", key))

    def lost(self, key: JobKey) -> None:
        self.events.append(("lost", key))

    def waits(self, key: JobKey, error: Exception, seconds: float) -> None:
        self.events.append(("waits", error))

    def broken(self, key: JobKey, error: Exception) -> None:
        self.events.append(("broken", error))

    def given_up(self, key: JobKey, attempts: int) -> None:
        self.events.append(("given_up", key))


class FakeClock:
    """A clock that only tests advance."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def watch(work: SQLWork, clock: FakeClock, seconds: float = LEASE_S) -> None:
    """Advance the clock while a worker polls for jobs, as it does every second."""
    work.due(10)
    for _ in range(math.ceil(seconds)):
        clock.now += 1
        work.due(10)


def worker(
    database: Database, heard: Heard | None = None, waits: Iterable[bool] | None = None
) -> Worker:
    """Return a worker without pauses; `waits` returns whether it has to stop."""
    answers = iter(waits or ())
    return Worker(
        SQLWork(database),
        heard or Heard(),
        lambda _seconds: next(islice(answers, 1), False),
    )


class Strict(Heard):
    """An observer that raises errors."""

    def waits(self, key: JobKey, error: Exception, seconds: float) -> None:
        raise error

    def broken(self, key: JobKey, error: Exception) -> None:
        raise error

    def given_up(self, key: JobKey, attempts: int) -> None:
        raise AssertionError


def do_all(database: Database) -> None:
    """Do all jobs that are due, and purge what they leave."""
    while worker(database, Strict()).do_due():
        pass
    purge(database)


def purge(database: Database) -> None:
    """Delete what no open job needs."""
    imports = SQLImports(database)
    while imports.purge(system_clock()):
        pass
