"""Jobs: work that takes longer than a call may, and what a caller is told about it."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.domain.model import Millis

MAX_OPEN = 10
"""Most jobs of one brand that are queued or running."""
MAX_GENERATED = 10_000_000
"""Most codes that one job makes."""

JOB_ID = "[0-9a-f]{32}"
"""What an id looks like, as a regular expression."""


class JobKind(StrEnum):
    """What a job does."""

    GENERATE = "generate"
    IMPORT = "import"


class JobState(StrEnum):
    """Where a job is. It moves `queued → running →` one of the rest, or is cancelled before."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks of a job."""

    kind: JobKind
    total: int
    """How many rows there are to do."""
    requested_by: str
    """The caller's subject."""
    parameters: Mapping[str, Any]
    """What else the kind needs to know, as JSON can say it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as a caller sees it."""

    id: str
    """Sorts by the moment when the job was asked for."""
    kind: str
    """A `JobKind`, unless a newer version of the service has made the job."""
    state: JobState
    total: int
    done: int
    """Rows that are done, and stay."""
    failed: int
    """Rows that were refused."""
    requested_by: str
    parameters: Mapping[str, Any]
    detail: str | None
    """Why it failed, or what stays of it."""
    created_at: Millis
    started_at: Millis | None
    finished_at: Millis | None

    @property
    def left(self) -> int:
        """How many rows there are still to do."""
        return self.total - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one step of a job has done."""

    done: int = 0
    failed: int = 0
    ends: JobState | None = None
    """How the job has ended with it; `None` if it goes on."""
    cursor: str | None = None
    """Where the next chunk begins, in the kind's own words."""
    detail: str | None = None
    """What the caller should know; `None` leaves what was said before."""
    created: int = 0
    """Codes that are there from now on; their rows may have been counted as done before."""


def new_job_id() -> str:
    """Make an id that nobody guesses, and that sorts by time: 48 bits of it, and 80 random."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
