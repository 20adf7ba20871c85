"""Jobs: work that takes longer than a call may."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.domain.model import Millis

MAX_OPEN = 10
"""Most open jobs of a brand, queued or running."""
MAX_GENERATED = 10_000_000
"""Most codes that a job generates."""

JOB_ID = "[0-9a-f]{32}"
"""The form of an id, as a regular expression."""


class JobKind(StrEnum):
    """The kind of a job."""

    GENERATE = "generate"
    IMPORT = "import"
    DISABLE = "disable"
    ENABLE = "enable"


MAKING = (JobKind.GENERATE, JobKind.IMPORT)
"""The kinds that make codes; the others change those that there are."""


class JobState(StrEnum):
    """The state of a job: `queued → running →` one of the others, or cancelled before."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The request for a job."""

    kind: JobKind
    total: int
    """Number of rows to do."""
    requested_by: str
    """The caller's subject."""
    parameters: Mapping[str, Any]
    """Further parameters of the kind, as JSON."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as a caller sees it."""

    id: str
    """The id, which sorts by the time of the request."""
    kind: str
    """A `JobKind`, or a kind that only a newer version of the service knows."""
    state: JobState
    total: int
    done: int
    """Rows that are done."""
    failed: int
    """Rows that were refused."""
    requested_by: str
    parameters: Mapping[str, Any]
    detail: str | None
    """Why the job failed, or what remains of it."""
    created_at: Millis
    started_at: Millis | None
    finished_at: Millis | None

    @property
    def left(self) -> int:
        """Number of remaining rows."""
        return self.total - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Chunk:
    """The result of one step of a job."""

    done: int = 0
    failed: int = 0
    ends: JobState | None = None
    """The final state, `None` if the job continues."""
    cursor: str | None = None
    """Where the next chunk begins, in a format of the kind."""
    detail: str | None = None
    """A message to the caller; `None` keeps the previous one."""
    created: int = 0
    """Codes that were created; their rows may have been counted before."""
    scanned: int = 0
    """Rows that were looked at, if not each is done or refused."""


def new_job_id() -> str:
    """Return an unguessable id that sorts by time: 48 bits of time, and 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
