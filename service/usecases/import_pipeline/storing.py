"""The last phase: the codes of an import without refused rows are stored.

With a single writer, this is done in chunks, none of which can fail; with many writers, in one
transaction, which decides. ADR 8 explains why.

A single writer hands codes out in the order in which they were stored. If a chunk were a range of
the list, the codes of the users before and after somebody would bound that user's code; if it had
codes from everywhere, each would change another page of an index. So it has random codes of a
window.
"""

from collections.abc import Sequence

from service.domain.codes import shuffled
from service.domain.jobs import Chunk
from service.domain.model import State
from service.formats.refusals import Reason, Refusal
from service.usecases.import_pipeline.state import STORE, Batch, Cursor, ImportTask, written
from service.usecases.import_pipeline.verdict import stored, verdict
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction, Part

WINDOW = 10_000
"""Codes in a window, which has some 100 pages of an index."""
STORED_AT_LEAST = 500
"""Fewest codes in a chunk of a single writer, for each of which a window is read."""
STORED_AT_ONCE = 10_000
"""Codes in one statement; PostgreSQL keeps each in memory until its end."""


class _ClashError(RuntimeError):
    """Another transaction has created a staged code."""


def next_batch(reader: ChunkReader, task: ImportTask, size: int) -> Batch:
    """Return random codes of the next window, or all of them if they are few."""
    after, size = task.cursor.after, max(size, STORED_AT_LEAST)
    limit = max(size, WINDOW)
    window = reader.next_staged(task.pool.brand_id, task.file, after, limit)
    if size < len(window):
        return Batch(shuffled(window)[:size], after, ended=False)
    return Batch(window, window[-1] if window else after, ended=len(window) < limit)


def store_batch(tx: ChunkTransaction, task: ImportTask, batch: Batch) -> Chunk:
    """Store a batch, which cannot fail."""
    if batch.codes:
        _load(tx, task, 0, batch.codes)
        _count(tx, task, len(batch.codes))
    if batch.ended:
        return stored(task, len(batch.codes))
    if batch.after == task.cursor.after:  # so no worker, not even an older one, stores them again
        tx.drop_staged(task.pool.brand_id, task.file, batch.codes)
    cursor = written(Cursor(STORE, after=batch.after))
    return Chunk(cursor=cursor, created=len(batch.codes))


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
    if codes:
        _load(tx, task, at, codes)
    return codes


def _load(tx: ChunkTransaction, task: ImportTask, at: int, codes: Sequence[str]) -> None:
    """Store codes, the first of which is number `at` of all, to be claimed in another order.

    Raises:
        _ClashError: The brand has one of the codes.
    """
    part = Part(at, task.job.done, len(codes))
    if tx.load_codes(task.pool, part, codes, shuffle=True) < len(codes):
        raise _ClashError
