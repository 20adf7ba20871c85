"""Jobs as workers take them. Each method is one atomic step, as with `ports.store.Store`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from service.domain.errors import Unavailable
from service.domain.jobs import Job
from service.domain.model import Millis
from service.usecases.keys import JobKey

LEASE_MS = 8_000
"""For how long a worker that gives no sign of life keeps its job."""
LEASE_S = LEASE_MS / 1000


class SpaceLow(Unavailable):
    """What space is left is kept for reservations: jobs wait until there is more."""


class LeaseLost(Exception):  # noqa: N818 - it is no error of anybody's
    """The job is cancelled, or another worker has it: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to go on with a job, for as long as it gives signs of life.

    Each time that a job is taken it gets another token, so that whoever lost the job without
    knowing it, and however much later, changes nothing any more (a fencing token).
    """

    key: JobKey
    token: str
    kind: str
    attempt: int
    """How many workers, this one included, have taken the job since it last got further."""


@dataclass(frozen=True, slots=True)
class Step:
    """A chunk that was done."""

    job: Job
    """As it is after the chunk; it may have ended."""
    rows: int
    """How many rows were worked on."""
    created: int
    """How many codes are there from now on."""
    seconds: float
    """How long the database was kept from others."""
    others: bool
    """Whether others have written since the chunk before, wait to, or have reserved just now."""
    free: bool
    """Whether others can write meanwhile."""


class Work(Protocol):
    """Where workers take jobs.

    Raises:
        LeaseLost: The lease is good for nothing any more.
        Unavailable: The store cannot answer now.
    """

    def due(self, limit: int) -> Sequence[JobKey]:
        """Name open jobs that no worker has, those first that have waited longest for one.

        A worker has its job until it has given no sign of life for `LEASE_S` while this was called
        again and again: so call it about once a second.
        """

    def newer(self) -> Sequence[JobKey]:
        """Name open jobs that only a newer version of the service understands; none is due here."""

    def take(self, key: JobKey, now: Millis) -> tuple[Lease, Job] | None:
        """Take a job that is due; `None` if it is not, or not there."""

    def step(self, lease: Lease, size: int, now: Millis) -> Step:
        """Do a chunk of about `size` rows, a sign of life with it, in one transaction.

        Raises:
            SpaceLow: The database may not grow now. Nothing was changed.
        """

    def pause(self, lease: Lease, detail: str, now: Millis) -> None:
        """Give a sign of life of a worker that waits for space; `detail` tells the caller so."""

    def renew(self, lease: Lease, now: Millis) -> None:
        """Give a sign of life of a worker that cannot go on; a lost lease is no matter."""

    def fail(self, lease: Lease, detail: str, now: Millis) -> Job:
        """End the job as failed; `detail` is for the caller's eyes."""

    def refresh(self, key: JobKey) -> None:
        """Let the database look anew at what it has, after many rows have come."""

    def give_back(self, lease: Lease) -> None:
        """Let any worker go on, after the jobs that wait already; a lost lease is no matter."""
