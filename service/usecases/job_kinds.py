"""The kinds of jobs: what each does in a chunk, while the store does what all have in common.

A kind does about the given number of rows, in the transaction that also stores its progress. After
a rollback, it runs again from the same progress.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from service.domain.codes import Mint
from service.domain.jobs import Chunk, Job, JobKind, JobState
from service.domain.model import State
from service.usecases import switching
from service.usecases.codes import top_up
from service.usecases.import_pipeline import pipeline
from service.usecases.import_pipeline.state import ImportTask, task_of
from service.usecases.keys import PoolKey
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction, Part

STATE_VERSION = 1
"""The version of the format of a job's `parameters` and `cursor`.

A worker only does jobs of this version and of earlier ones, and leaves others to newer workers.
Raise the version with every change that workers of the previous version would misread; what they
may ignore needs no new version, since readers ignore unknown members.
"""
PAUSED = "Paused: the database has hardly any space left. It goes on by itself once there is more."
"""The `detail` of a job that waits for space."""


class JobProgress(NamedTuple):
    """The progress of a job."""

    pool: PoolKey
    job: Job
    cursor: str | None
    """The cursor of the previous chunk, `None` for the first one."""


class Kind(NamedTuple):
    """A kind of job."""

    chunk: Callable[[ChunkTransaction, JobProgress, Any, int], Chunk]
    """Does about so many rows with the preparation, and returns the result."""
    prepare: Callable[[ChunkReader, JobProgress, int], Any] | None = None
    """Prepares what the chunk writes, before its transaction begins: with a single writer, all
    others would wait for the preparation."""


def do_chunk(tx: ChunkTransaction, progress: JobProgress, prepared: Any, size: int) -> Chunk:
    """Do a chunk of a job; its `detail` becomes that of the job."""
    job = progress.job
    chunk = KINDS[job.kind].chunk(tx, progress, prepared, size)
    before = None if job.detail == PAUSED else job.detail
    return replace(chunk, detail=chunk.detail or before)


def load_codes(tx: ChunkTransaction, pool: PoolKey, part: Part, mint: Mint) -> None:
    """Add exactly the new codes of a part, replacing those that the brand already has.

    Raises:
        CodeSpaceExhausted: Nearly all possible codes are taken.
    """
    top_up(part.size, lambda missing: tx.load_codes(pool, part, mint(missing), shuffle=False))
    tx.adjust_counts(pool, {State.AVAILABLE: part.size})


def _generate(tx: ChunkTransaction, progress: JobProgress, _prepared: None, size: int) -> Chunk:
    """Generate the codes of a chunk, in its own part of the space of codes."""
    pool, job = progress.pool, progress.job
    count = min(size, job.left)
    part = Part(job.done, job.total, count)
    load_codes(tx, pool, part, partial(tx.mint_part, pool, part))
    ends = JobState.SUCCEEDED if count == job.left else None
    return Chunk(done=count, created=count, ends=ends)


def _switch(tx: ChunkTransaction, progress: JobProgress, prepared: Any, size: int) -> Chunk:
    return switching.do_chunk(tx, *progress, prepared, size)


def _prepare_switch(reader: ChunkReader, progress: JobProgress, size: int) -> Any:
    return switching.prepare(reader, *progress, size)


def _task(progress: JobProgress) -> ImportTask:
    return task_of(progress.pool, progress.job, progress.cursor)


KINDS: Mapping[str, Kind] = {
    JobKind.GENERATE: Kind(_generate),
    JobKind.IMPORT: Kind(
        lambda tx, progress, prepared, _: pipeline.do_chunk(tx, _task(progress), prepared),
        lambda reader, progress, size: pipeline.prepare(reader, _task(progress), size),
    ),
    JobKind.DISABLE: Kind(_switch, _prepare_switch),
    JobKind.ENABLE: Kind(_switch, _prepare_switch),
}
