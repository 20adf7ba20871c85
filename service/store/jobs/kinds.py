"""What each kind of job does in a chunk; `leases.py` sees to all that is the same for each.

A kind is a function that does about as many rows as it is told, on the connection of the
transaction that also keeps its progress. It may be run again from the same progress: what a
transaction did that was undone never was.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from service.domain import codes
from service.domain.jobs import Chunk, Job, JobKind, JobState
from service.domain.model import Millis
from service.store.dialect import Part
from service.store.imports import chunks, staged_codes
from service.store.imports.tasks import Task, task_of
from service.store.repositories.loading import load_codes
from service.usecases.keys import Pool


class Progress(NamedTuple):
    """Where a job is."""

    pool: Pool
    job: Job
    cursor: str | None
    """What the chunk before said, `None` for the first."""
    now: Millis
    prepared: Any = None
    """What the kind worked out before the transaction."""


DoChunk = Callable[[Connection, Progress, int], Chunk]
"""Does about so many rows, and says how many they were."""


def generate(connection: Connection, progress: Progress, size: int) -> Chunk:
    """Make new codes, those of this chunk in its own part of the space of codes."""
    job = progress.job
    count = min(size, job.left)
    mint = partial(codes.mint_part, job.done, job.total)
    new = staged_codes.excluding(connection, progress.pool.brand_id, mint)
    part = Part(job.done, job.total, count)
    load_codes(connection, progress.pool, part, new, progress.now)
    ends = JobState.SUCCEEDED if count == job.left else None
    return Chunk(done=count, created=count, ends=ends)


def import_list(connection: Connection, progress: Progress, size: int) -> Chunk:
    """Do a chunk of an import."""
    return chunks.do_chunk(connection, _import_task(progress), progress.prepared, size)


def _import_task(progress: Progress) -> Task:
    return task_of(progress.pool, progress.job, progress.cursor, progress.now)


KINDS: Mapping[str, DoChunk] = {JobKind.GENERATE: generate, JobKind.IMPORT: import_list}

Prepare = Callable[[Connection, Progress, int], Any]
"""Reads and works out what the chunk is to write, before its transaction begins."""

PREPARATIONS: Mapping[str, Prepare] = {
    JobKind.IMPORT: lambda connection, progress, size: chunks.prepare(
        connection, _import_task(progress), size
    )
}
"""Kinds whose chunks take time before they write: on SQLite, all writers would wait for them."""
