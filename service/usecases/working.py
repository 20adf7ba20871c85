"""A worker of jobs, which does them chunk by chunk.

A worker does a slice of a job, then lets waiting jobs go first, so that a job of ten million codes
does not delay a small one for long.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, repeat

from service.domain.errors import CodeSpaceExhausted, Unavailable
from service.usecases.job_kinds import PAUSED
from service.usecases.keys import JobKey
from service.usecases.pacing import ChunkPacer
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.job_observer import JobObserver
from service.usecases.ports.work import Lease, LeaseLost, SpaceLow, Step, Work

SLICE_S = 4.0
"""How long a worker does one job while others wait."""
POLL_INTERVAL_S = 1.0
"""Seconds between two looks for waiting jobs, which also detect dead workers."""
REFRESH_ROWS = 1_000_000
"""New rows after which the database refreshes its statistics."""
REFRESH_AT_END_ROWS = 10_000
"""The same, at the end of a job."""
MAX_ATTEMPTS = 5
"""Workers in a row that may die of a job without progress."""
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses after failures in a row; the last one is repeated."""

BROKEN = "The service failed in a way that it did not foresee. What is done stays."
NO_NEW_CODES = (
    "No new codes to be had: nearly every code of this form is taken. What is done stays."
)
DEADLY = "Again and again, what worked on it ended without a word. What is done stays."

Wait = Callable[[float], bool]
"""Waits for so many seconds, and returns whether the worker has to stop."""


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that does jobs, one at a time.

    Args:
        work: The queue of jobs.
        observer: The observer.
        wait: Waits between chunks.
        clock: Returns the current time.
        upkeep: Does some maintenance: called between the slices of a job, and repeatedly while a
            job waits for space.
    """

    work: Work
    observer: JobObserver
    wait: Wait
    clock: Clock = system_clock
    upkeep: Callable[[], None] = _nothing

    def do(self, key: JobKey) -> bool:
        """Do a job until it ends, others wait, or the worker has to stop.

        Returns:
            Whether the job could be taken.

        Raises:
            Unavailable: The store cannot answer now. The lease of a taken job will expire.
        """
        taken = self.work.take(key, self.clock())
        if taken is None:
            return False
        lease, job = taken
        self.observer.taken(job)
        try:
            if lease.attempt > MAX_ATTEMPTS:
                self.observer.given_up(key, MAX_ATTEMPTS)
                self.observer.ended(self.work.fail(lease, DEADLY, self.clock()))
            elif self._slice(lease):
                self.work.give_back(lease)
        except LeaseLost:
            self.observer.lost(key)
        except Unavailable:
            raise
        except CodeSpaceExhausted:
            self.observer.ended(self.work.fail(lease, NO_NEW_CODES, self.clock()))
        except Exception as error:  # noqa: BLE001 - an error ends its job, and no other
            self._end_broken(lease, error)
        return True

    def do_due(self) -> bool:
        """Do a job without a worker, or whose worker died; return whether there was one.

        Raises:
            Unavailable: The store cannot answer now.
        """
        for key in self.work.newer():
            self.observer.newer(key)
        return any(self.do(key) for key in self.work.due(limit=10))

    def _slice(self, lease: Lease) -> bool:
        """Do chunks; return whether the job has more."""
        pacer, fresh, began = ChunkPacer(), 0, time.monotonic()
        look_at = began + min(SLICE_S, POLL_INTERVAL_S)
        while (step := self._step(lease, pacer.size)) is not None:
            self.observer.chunk(step)
            fresh += step.rows
            ended = step.job.finished_at is not None
            if fresh >= (REFRESH_AT_END_ROWS if ended else REFRESH_ROWS):
                with suppress(Unavailable):  # it is optional
                    self.work.refresh(lease.key)
                fresh = 0
            if ended:
                self.observer.ended(step.job)
                return False
            now = time.monotonic()
            pacer.note(step, now)
            if self.wait(pacer.rest_s):
                return True
            if now >= look_at:
                look_at = now + POLL_INTERVAL_S
                if self._others_wait() and now > began + SLICE_S:
                    return True
                self.upkeep()
        return True

    def _others_wait(self) -> bool:
        """Return whether another job waits for a worker."""
        try:
            return bool(self.work.due(limit=1))
        except Unavailable:
            return False  # the next chunk waits until the database is back

    def _step(self, lease: Lease, size: int) -> Step | None:
        """Do a chunk, with retries while the database is down; `None` if the worker has to stop.

        Raises:
            LeaseLost: The worker has lost the job.
        """
        for rest in chain(RETRY_S, repeat(RETRY_S[-1])):
            try:
                return self.work.step(lease, size, self.clock())
            except SpaceLow as error:
                self.observer.waits(lease.key, error, rest)
                with suppress(Unavailable):
                    self.work.pause(lease, PAUSED, self.clock())
                self.upkeep()
                if self.wait(rest):
                    return None
            except Unavailable as error:
                self.observer.waits(lease.key, error, rest)
                with suppress(Unavailable):  # perhaps only the chunk is too large
                    self.work.renew(lease, self.clock())
                if self.wait(rest):
                    return None
        raise AssertionError

    def _end_broken(self, lease: Lease, error: Exception) -> None:
        self.observer.broken(lease.key, error)
        with suppress(LeaseLost):
            self.observer.ended(self.work.fail(lease, BROKEN, self.clock()))
