"""Files of imports: kept as they came, read by whichever worker has the job, and purged.

They are in the database because a worker may run on another machine than the process that took
them. Nothing here is large at once: a file is many blocks, and is purged a few rows at a time.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, insert, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from service.domain.model import Millis
from service.store.tables import import_block, import_file, job
from service.usecases.imports import FileKey

ORPHANED_AFTER_MS = 24 * 60 * 60 * 1000
"""After so long, a file without a job is what a crash left; no upload takes nearly as long."""
PURGED_AT_ONCE = 4000
"""Rows; a block counts as many of them."""
BLOCKS_PURGED_AT_ONCE = 16


def begin(connection: Connection, brand_id: int, now: Millis) -> FileKey:
    """Make a file, with nothing in it."""
    file = FileKey(brand_id, secrets.token_hex(16))
    connection.execute(insert(import_file), {**file._asdict(), "created_at": now})
    return file


def keep(connection: Connection, file: FileKey, first: int, blocks: Sequence[bytes]) -> None:
    """Add blocks, the first of which has the number `first`."""
    rows = [
        {"brand_id": file.brand_id, "file": file.id, "number": number, "content": block}
        for number, block in enumerate(blocks, first)
    ]
    connection.execute(insert(import_block), rows)


def attach(connection: Connection, file: FileKey, job_brand_id: int, job_id: str) -> None:
    """Let a file live as long as a job is open."""
    connection.execute(
        update(import_file).where(*_is(file)).values(job_brand_id=job_brand_id, job_id=job_id)
    )


def orphan(connection: Connection, file: FileKey) -> None:
    """Let a file be purged that no job needs."""
    connection.execute(update(import_file).where(*_is(file)).values(created_at=0))


def block(connection: Connection, file: FileKey, number: int) -> bytes | None:
    """Return a block, `None` behind the last."""
    statement = select(import_block.c.content).where(
        import_block.c.brand_id == file.brand_id,
        import_block.c.file == file.id,
        import_block.c.number == number,
    )
    content: bytes | None = connection.execute(statement).scalar_one_or_none()
    return content


def drop_blocks(connection: Connection, file: FileKey, end: int) -> None:
    """Delete the blocks before the one with the number `end`."""
    connection.execute(
        delete(import_block).where(
            import_block.c.brand_id == file.brand_id,
            import_block.c.file == file.id,
            import_block.c.number < end,
        )
    )


def some_dead(connection: Connection, now: Millis, *, lock: bool = False) -> Row[Any] | None:
    """Return a file that no open job needs, if there is one that nobody else is purging."""
    statement = _DEAD.with_for_update(skip_locked=True) if lock else _DEAD
    return connection.execute(statement, {"orphaned": now - ORPHANED_AFTER_MS}).first()


def purge(connection: Connection, now: Millis) -> bool:
    """Delete a little of what no open job needs; say whether there may be more."""
    row = some_dead(connection, now, lock=True)
    if row is None:
        return False
    file = FileKey(row.brand_id, row.id)
    if not (
        _purge_blocks(connection, file)
        or _purge_runs(connection, file)
        or _purge_rows(connection, row)
    ):
        connection.execute(delete(import_file).where(*_is(file)))
    return True


_OPEN_JOB = exists().where(
    job.c.brand_id == import_file.c.job_brand_id,
    job.c.id == import_file.c.job_id,
    job.c.finished_at.is_(None),
)
_DEAD = (
    select(import_file)
    .where(
        ~_OPEN_JOB,
        import_file.c.job_id.is_not(None) | (import_file.c.created_at < bindparam("orphaned")),
    )
    .limit(1)
)
LIVE_FILES = str(select(import_file.c.id).where(_OPEN_JOB))
"""Selects the ids of files whose job is open."""
_DROP_RUNS = text("""
    DELETE FROM import_run WHERE brand_id = :brand_id AND file = :id AND run = (
        SELECT min(run) FROM import_run WHERE brand_id = :brand_id AND file = :id
    )
""")
# The file is asked for twice: another import may have taken a row over while we waited for it, and
# PostgreSQL looks at the outer condition alone again.
_DROP_ROWS = text("""
    DELETE FROM import_row WHERE brand_id = :brand_id AND file = :file AND code IN (
        SELECT code FROM import_row WHERE brand_id = :brand_id AND file = :file
        ORDER BY code LIMIT :most
    )
""")


def _is(file: FileKey) -> tuple[ColumnElement[bool], ...]:
    return import_file.c.brand_id == file.brand_id, import_file.c.id == file.id


def _purge_blocks(connection: Connection, file: FileKey) -> bool:
    first = connection.execute(
        select(import_block.c.number)
        .where(import_block.c.brand_id == file.brand_id, import_block.c.file == file.id)
        .order_by(import_block.c.number)
        .limit(1)
    ).scalar_one_or_none()
    if first is None:
        return False
    drop_blocks(connection, file, first + BLOCKS_PURGED_AT_ONCE)
    return True


def _purge_runs(connection: Connection, file: FileKey) -> bool:
    return connection.execute(_DROP_RUNS, file._asdict()).rowcount > 0


def _purge_rows(connection: Connection, row: Row[Any]) -> bool:
    values = {"brand_id": row.job_brand_id, "file": row.id, "most": PURGED_AT_ONCE}
    return connection.execute(_DROP_ROWS, values).rowcount > 0
