"""The last phase: the codes of an import without refused rows are stored.

With a single writer, this is done in chunks, none of which can fail; with many writers, in one
transaction, which decides. ADR 8 explains why.
"""

from collections.abc import Sequence

from service.domain.jobs import Chunk
from service.domain.model import State
from service.formats.refusals import Reason, Refusal
from service.usecases.import_pipeline.state import STORE, Cursor, ImportTask, written
from service.usecases.import_pipeline.verdict import stored, verdict
from service.usecases.ports.chunk import ChunkTransaction, Part

STORED_AT_ONCE = 10_000
"""Codes in one statement; PostgreSQL keeps each in memory until its end."""


class _ClashError(RuntimeError):
    """Another transaction has created a staged code."""


def store_some(tx: ChunkTransaction, task: ImportTask, size: int) -> Chunk:
    """Store some of the codes; the rest cannot fail."""
    codes = _store_next(tx, task, 0, task.cursor.after, size)
    _count(tx, task, len(codes))
    if len(codes) < size:
        return stored(task, len(codes))
    return Chunk(cursor=written(Cursor(STORE, after=codes[-1])), created=len(codes))


def store_all(tx: ChunkTransaction, task: ImportTask) -> Chunk:
    """Store all codes, or none if another transaction has created one of them."""
    count, after = 0, ""
    try:
        with tx.savepoint():
            while codes := _store_next(tx, task, count, after, STORED_AT_ONCE):
                count, after = count + len(codes), codes[-1]
    except _ClashError:
        clashes = tx.clashes(task.pool.brand_id, task.file)
        refused = [Refusal(line, Reason.IN_BRAND) for _, line in clashes]
        tx.insert_refusals(task.key, refused)
        return verdict(task, Chunk(done=-len(refused), failed=len(refused)))
    if count != task.job.done:
        raise RuntimeError("Staged codes are missing.")
    _count(tx, task, count)
    return stored(task, count)


def _count(tx: ChunkTransaction, task: ImportTask, count: int) -> None:
    tx.adjust_counts(task.pool, {State.AVAILABLE: count})


def _store_next(
    tx: ChunkTransaction, task: ImportTask, at: int, after: str, limit: int
) -> Sequence[str]:
    """Store the next codes, the first of which is number `at` of all, and return them.

    Raises:
        _ClashError: The brand has one of the codes.
    """
    codes = tx.next_staged(task.pool.brand_id, task.file, after, limit)
    if not codes:
        return codes
    part = Part(at, task.job.done, len(codes))
    # They are read in order, and holders of some must not learn where the others are.
    if tx.load_codes(task.pool, part, codes, shuffle=True) < len(codes):
        raise _ClashError
    return codes
