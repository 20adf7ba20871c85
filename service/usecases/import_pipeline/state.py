"""The state of an import: its request and its progress."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import NamedTuple

from service.domain.jobs import Job
from service.formats.code_lists import Position, PositionObject
from service.formats.refusals import Refusal
from service.usecases.keys import FileKey, JobKey, PoolKey

READ, CHECK, STORE = "read", "check", "store"


@dataclass(slots=True)
class Cursor:
    """The progress of an import."""

    phase: str = READ
    block: int = 0
    """The next block to read."""
    position: PositionObject = field(default_factory=lambda: Position().as_object())
    parts: list[int] = field(default_factory=list)
    """For each run, the part where merging continues."""
    rows: int = 0
    """The number of valid codes so far."""
    after: str = ""
    """The last entry merged, or the last code stored; while reading, the header of the column.

    That has no member of its own, as a worker of version 0.1 reads no member that it does not know.
    """


class ImportTask(NamedTuple):
    """An import in progress."""

    pool: PoolKey
    job: Job
    file: FileKey
    cursor: Cursor

    @property
    def key(self) -> JobKey:
        """The key of the job."""
        return JobKey(self.pool.brand_id, self.job.id)


class Prepared(NamedTuple):
    """The preparation of a chunk, made before the transaction, so that no writer waits for it."""

    cursor: Cursor
    entries: Sequence[str]
    """A sorted run of codes and lines, or the good codes of a merge."""
    refused: Sequence[Refusal]
    ended: bool
    """Whether the phase ends."""
    fault: Refusal | None = None
    """Why the rest of the file cannot be read."""


class Batch(NamedTuple):
    """The codes that a chunk stores with a single writer, read before the transaction."""

    codes: Sequence[str]
    after: str
    """The code after which the next batch is looked for."""
    ended: bool
    """Whether these are the last codes."""


def task_of(pool: PoolKey, found: Job, cursor: str | None) -> ImportTask:
    """Return the task of an import's job."""
    file = FileKey(found.parameters["file_of"], found.parameters["file"])
    return ImportTask(pool, found, file, read(cursor) if cursor else Cursor())


def is_storing(cursor: str | None) -> bool:
    """Return whether an import is certain to succeed."""
    return cursor is not None and json.loads(cursor).get("phase") == STORE


def read(cursor: str) -> Cursor:
    """Return the cursor that `written` returned; unknown members of later versions are ignored."""
    known = {field.name for field in fields(Cursor)}
    return Cursor(**{name: value for name, value in json.loads(cursor).items() if name in known})


def written(cursor: Cursor) -> str:
    """Return a cursor as a text for the job's row."""
    return json.dumps(asdict(cursor))
