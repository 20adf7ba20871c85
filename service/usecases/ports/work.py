"""The port of workers' jobs. Each method is one atomic step, as with `ports.store.Store`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from service.domain.errors import Unavailable
from service.domain.jobs import Job
from service.domain.model import Millis
from service.usecases.keys import JobKey

LEASE_MS = 8_000
"""How long a worker without heartbeats keeps its job."""
LEASE_S = LEASE_MS / 1000


class SpaceLow(Unavailable):
    """The remaining space is reserved for reservations: jobs wait for more."""


class LeaseLost(Exception):  # noqa: N818 - it is not an error
    """The job is cancelled, or another worker has it: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to do a job, as long as it sends heartbeats.

    A job gets a new token whenever it is taken, so that a worker that has lost the job without
    noticing cannot change anything (a fencing token).
    """

    key: JobKey
    token: str
    kind: str
    attempt: int
    """How many workers, this one included, have taken the job since its last progress."""


class LeasedJob(NamedTuple):
    """A job, and the right of a worker to do it."""

    lease: Lease
    job: Job


@dataclass(frozen=True, slots=True)
class Step:
    """A completed chunk of a job."""

    job: Job
    """The job after the chunk, which may have ended."""
    rows: int
    """Rows that were processed."""
    created: int
    """Codes that were created."""
    seconds: float
    """Duration of the transaction."""
    others: bool
    """Whether others have written since the last chunk, wait to write, or have just reserved."""
    free: bool
    """Whether others can write at the same time."""


class Work(Protocol):
    """A queue of jobs for workers.

    Raises:
        LeaseLost: The lease is not valid any more.
        Unavailable: The store cannot answer now.
    """

    def due(self, limit: int) -> Sequence[JobKey]:
        """Return open jobs without a worker, those first that have waited longest.

        A worker loses its job when it has sent no heartbeat for `LEASE_S` while this was called
        repeatedly: so call it about once a second.
        """

    def newer(self) -> Sequence[JobKey]:
        """Return open jobs that only a newer version of the service can do."""

    def take(self, key: JobKey, now: Millis) -> LeasedJob | None:
        """Take a job that is due, or return `None`."""

    def step(self, lease: Lease, size: int, now: Millis) -> Step:
        """Do a chunk of about `size` rows with a heartbeat, in one transaction.

        Raises:
            SpaceLow: The database may not grow now. Nothing was changed.
        """

    def pause(self, lease: Lease, detail: str, now: Millis) -> None:
        """Send the heartbeat of a worker that waits for space, and set the job's `detail`."""

    def renew(self, lease: Lease, now: Millis) -> None:
        """Send the heartbeat of a worker that cannot continue; a lost lease is ignored."""

    def fail(self, lease: Lease, detail: str, now: Millis) -> Job:
        """End the job as failed, with a `detail` for the caller."""

    def refresh(self, key: JobKey) -> None:
        """Refresh the database's statistics after many new rows."""

    def give_back(self, lease: Lease) -> None:
        """Put the job at the end of the queue; a lost lease is ignored."""
