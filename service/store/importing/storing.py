"""Storing the codes of an import whose every row is good.

On SQLite that is done in chunks, of which nothing can refuse one; on PostgreSQL in one transaction,
which has the last word. docs/adr/0008-imports-are-checked-first.md says why.
"""

from sqlalchemy import Connection, text

from service.domain.code_lists import Reason, Refusal
from service.domain.jobs import Chunk, JobState
from service.domain.model import State
from service.store.importing import staged_codes
from service.store.importing.tasks import STORE, Cursor, Task, note, verdict, written
from service.store.pools import move

STORED_AT_ONCE = 10_000
"""Codes in one statement; PostgreSQL remembers each until the statement ends."""


def store_some(connection: Connection, task: Task, size: int) -> Chunk:
    """Store some of the codes; nothing can be in the way of the rest."""
    stored, last = _store(connection, task, task.cursor.after, size)
    if stored < 0:
        raise RuntimeError("A staged code was made by somebody else.")
    move(connection, task.pool, stored, into=State.AVAILABLE)
    if stored < size:
        return _stored(task, stored)
    return Chunk(cursor=written(Cursor(STORE, after=last)), again=stored)


def store_all(connection: Connection, task: Task) -> Chunk:
    """Store all the codes, or, where somebody else has made one of them meanwhile, none."""
    after, stored, total = "", STORED_AT_ONCE, 0
    savepoint = connection.begin_nested()
    while stored == STORED_AT_ONCE:
        stored, after = _store(connection, task, after, STORED_AT_ONCE)
        total += stored
    if stored >= 0:
        if total != task.job.done:
            raise RuntimeError("Staged codes are missing.")
        move(connection, task.pool, task.job.done, into=State.AVAILABLE)
        savepoint.commit()
        return _stored(task, task.job.done)
    savepoint.rollback()
    clashes = staged_codes.clashes(connection, task.pool.brand_id, task.file)
    refused = [Refusal(line, Reason.IN_BRAND) for _, line in clashes]
    note(connection, task, refused)
    return verdict(task, Chunk(done=-len(refused), failed=len(refused)))


def _stored(task: Task, last: int) -> Chunk:
    detail = f"{task.job.done} codes were stored."
    return Chunk(ends=JobState.SUCCEEDED, detail=detail, again=last)


def _store(connection: Connection, task: Task, after: str, limit: int) -> tuple[int, str]:
    """Store the next codes; return how many, -1 if the brand has one of them, and the last."""
    brand_id = task.pool.brand_id
    count, last = staged_codes.next_staged(connection, brand_id, task.file, after, limit)
    values = {**task.pool._asdict(), "now": task.now, "file": task.file.id}
    added = connection.execute(_STORE, {**values, "after": after, "last": last}).rowcount
    return (count, last) if added == count else (-1, last)


_STORE = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at)
    SELECT :brand_id, :campaign_id, code, 'available', :now FROM import_row
    WHERE brand_id = :brand_id AND file = :file AND code > :after AND code <= :last
    ORDER BY code
    ON CONFLICT DO NOTHING
""")
