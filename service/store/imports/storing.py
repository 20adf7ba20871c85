"""Storing the codes of an import whose every row is good.

On SQLite that is done in chunks, of which nothing can refuse one; on PostgreSQL in one transaction,
which has the last word. docs/adr/0008-imports-are-checked-first.md says why.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from service.domain.jobs import Chunk, JobState
from service.domain.model import State
from service.domain.wording import counted
from service.formats.refusals import Reason, Refusal
from service.store.dialect import Part, dialect_of
from service.store.imports import staged_codes
from service.store.imports.tasks import STORE, Cursor, Task, note, verdict, written

STORED_AT_ONCE = 10_000
"""Codes in one statement; PostgreSQL remembers each until the statement ends."""


class _ClashError(RuntimeError):
    """Somebody else has made a code that was staged."""


def store_some(connection: Connection, task: Task, size: int) -> Chunk:
    """Store some of the codes; nothing can be in the way of the rest."""
    codes = _store_next(connection, task, 0, task.cursor.after, size)
    _count(connection, task, len(codes))
    if len(codes) < size:
        return _stored(task, len(codes))
    return Chunk(cursor=written(Cursor(STORE, after=codes[-1])), created=len(codes))


def store_all(connection: Connection, task: Task) -> Chunk:
    """Store all the codes, or, where somebody else has made one of them meanwhile, none."""
    stored, after = 0, ""
    try:
        with connection.begin_nested():
            while codes := _store_next(connection, task, stored, after, STORED_AT_ONCE):
                stored, after = stored + len(codes), codes[-1]
    except _ClashError:
        clashes = staged_codes.clashes(connection, task.pool.brand_id, task.file)
        refused = [Refusal(line, Reason.IN_BRAND) for _, line in clashes]
        note(connection, task, refused)
        return verdict(task, Chunk(done=-len(refused), failed=len(refused)))
    if stored != task.job.done:
        raise RuntimeError("Staged codes are missing.")
    _count(connection, task, stored)
    return _stored(task, stored)


def _count(connection: Connection, task: Task, stored: int) -> None:
    changes = {State.AVAILABLE: stored}
    dialect_of(connection).adjust_counts(connection, task.pool, changes, task.now)


def _stored(task: Task, last: int) -> Chunk:
    detail = f"{counted(task.job.done, 'code was', 'codes were')} stored."
    return Chunk(ends=JobState.SUCCEEDED, detail=detail, created=last)


def _store_next(
    connection: Connection, task: Task, at: int, after: str, limit: int
) -> Sequence[str]:
    """Store the next codes, the first of which is number `at` of all, and return them.

    Raises:
        _ClashError: The brand has one of them.
    """
    codes = staged_codes.next_staged(connection, task.pool.brand_id, task.file, after, limit)
    part = Part(at, task.job.done, len(codes))
    if not codes:
        return codes
    # They are read in their order, and whoever knows some must not know where the others lie.
    load = dialect_of(connection).load_codes
    stored = load(connection, task.pool, part, codes, task.now, shuffle=True)
    if stored < len(codes):
        raise _ClashError
    return codes
