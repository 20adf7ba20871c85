"""What each kind of job does in a chunk; the store sees to what is the same for each.

A kind does about as many rows as it is told, in the transaction that also keeps its progress. It
may be run again from the same progress: what a transaction did that was undone never was.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from service.domain.codes import Mint
from service.domain.jobs import Chunk, Job, JobKind, JobState
from service.domain.model import State
from service.usecases.codes import top_up
from service.usecases.import_pipeline import pipeline
from service.usecases.import_pipeline.state import ImportTask, task_of
from service.usecases.keys import PoolKey
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction, Part

STATE_VERSION = 1
"""How `parameters` and `cursor` of a job are written.

A worker goes on only with jobs of this version and of those before it, and leaves others to newer
workers. Raise it with every change that workers of the version before would not read rightly; what
they may ignore needs none, for readers pass over what they do not know.
"""
PAUSED = "Paused: the database has hardly any space left. It goes on by itself once there is more."
"""The `detail` of a job that waits for space."""


class JobProgress(NamedTuple):
    """Where a job is."""

    pool: PoolKey
    job: Job
    cursor: str | None
    """What the chunk before said, `None` for the first."""


class Kind(NamedTuple):
    """What a kind of job does in a chunk."""

    chunk: Callable[[ChunkTransaction, JobProgress, Any, int], Chunk]
    """Does about so many rows with what was prepared, and says how many they were."""
    prepare: Callable[[ChunkReader, JobProgress, int], Any] | None = None
    """Reads and works out what the chunk is to write, before its transaction begins; where there
    is one writer at a time, all others would wait for that."""


def do_chunk(tx: ChunkTransaction, progress: JobProgress, prepared: Any, size: int) -> Chunk:
    """Do a chunk of a job; its `detail` is what the caller is told from now on."""
    job = progress.job
    chunk = KINDS[job.kind].chunk(tx, progress, prepared, size)
    before = None if job.detail == PAUSED else job.detail
    return replace(chunk, detail=chunk.detail or before)


def load_codes(tx: ChunkTransaction, pool: PoolKey, part: Part, mint: Mint) -> None:
    """Add exactly as many new codes as a part has, making up for those that the brand has already.

    Raises:
        CodeSpaceExhausted: Nearly all possible codes are taken.
    """
    top_up(part.size, lambda missing: tx.load_codes(pool, part, mint(missing), shuffle=False))
    tx.adjust_counts(pool, {State.AVAILABLE: part.size})


def _generate(tx: ChunkTransaction, progress: JobProgress, _prepared: None, size: int) -> Chunk:
    """Make new codes, those of this chunk in its own part of the space of codes."""
    pool, job = progress.pool, progress.job
    count = min(size, job.left)
    part = Part(job.done, job.total, count)
    load_codes(tx, pool, part, partial(tx.mint_part, pool, part))
    ends = JobState.SUCCEEDED if count == job.left else None
    return Chunk(done=count, created=count, ends=ends)


def _task(progress: JobProgress) -> ImportTask:
    return task_of(progress.pool, progress.job, progress.cursor)


KINDS: Mapping[str, Kind] = {
    JobKind.GENERATE: Kind(_generate),
    JobKind.IMPORT: Kind(
        lambda tx, progress, prepared, size: pipeline.do_chunk(tx, _task(progress), prepared, size),
        lambda reader, progress, size: pipeline.prepare(reader, _task(progress), size),
    ),
}
