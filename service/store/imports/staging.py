"""Files of imports: stored in blocks, read by the job's worker, and purged.

They are in the database because a worker may run on another machine than the process that received
them. No operation is large: a file has many blocks, and is purged a few rows at a time.
"""

import json
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from service.domain.errors import Unavailable
from service.domain.model import Millis
from service.store.dialect import dialect_of
from service.store.tables import import_block, import_file, import_row, import_run, job
from service.usecases.keys import FileKey
from service.usecases.ports.transaction import HeldBytes

ABANDONED = 0
"""The creation time of an abandoned file."""
PURGED_AT_ONCE = 4000
"""Rows; a block counts as several of them."""
BLOCKS_PURGED_AT_ONCE = 16


def begin(
    connection: Connection, brand_id: int, now: Millis, *, brand: str = "", size: int = 0
) -> FileKey:
    """Insert an empty file that uses so many bytes of a brand's budget."""
    file = FileKey(brand_id, secrets.token_hex(16))
    values = {**file._asdict(), "created_at": now, "brand": brand, "bytes": size}
    connection.execute(insert(import_file), values)
    return file


def grow(connection: Connection, file: FileKey, now: Millis, size: int) -> None:
    """Refresh a file's age, and add so many bytes to its budget.

    Raises:
        Unavailable: The file is gone.
    """
    values = {"created_at": now, "bytes": import_file.c.bytes + size}
    alive = (*_is(file), import_file.c.created_at != ABANDONED)
    if not connection.execute(update(import_file).where(*alive).values(values)).rowcount:
        raise Unavailable  # it took so long that the file is being purged


def brand_of(connection: Connection, file: FileKey) -> str:
    """Return the name of the brand whose budget a file uses."""
    return str(connection.execute(select(import_file.c.brand).where(*_is(file))).scalar())


def held(connection: Connection, brand: str) -> HeldBytes:
    """Return the bytes of files, including those to be purged."""
    whose = case((import_file.c.brand == brand, import_file.c.bytes), else_=0)
    sums = [func.coalesce(func.sum(each), 0) for each in (whose, import_file.c.bytes)]
    of_brand, of_all = connection.execute(select(*sums)).one()
    return HeldBytes(int(of_brand), int(of_all))


def keep(connection: Connection, file: FileKey, first: int, blocks: Sequence[bytes]) -> None:
    """Store blocks, the first of which has the number `first`."""
    rows = [
        {"brand_id": file.brand_id, "file": file.id, "number": number, "content": block}
        for number, block in enumerate(blocks, first)
    ]
    connection.execute(insert(import_block), rows)


def attach(connection: Connection, file: FileKey, job_brand_id: int, job_id: str) -> None:
    """Keep a file as long as a job is open.

    Raises:
        Unavailable: The file seemed abandoned, as a clock was set forward, and is being purged.
    """
    kept = connection.execute(
        update(import_file)
        .where(*_is(file), import_file.c.created_at != ABANDONED)
        .values(job_brand_id=job_brand_id, job_id=job_id)
    )
    if not kept.rowcount:
        raise Unavailable


def orphan(connection: Connection, file: FileKey) -> None:
    """Mark a file for purging."""
    connection.execute(update(import_file).where(*_is(file)).values(created_at=ABANDONED))


def block(connection: Connection, file: FileKey, number: int) -> bytes | None:
    """Return a block, `None` after the last one."""
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


def dead(connection: Connection, file: FileKey) -> Row[Any] | None:
    """Return a dropped file; `None` if it is gone, or an open job needs it."""
    return connection.execute(_DEAD.where(*_is(file)), {"orphaned": 1}).first()


def some_dead(connection: Connection, orphaned: Millis) -> Row[Any] | None:
    """Return a file that no open job needs; one without a job has had no block since `orphaned`."""
    return connection.execute(_DEAD, {"orphaned": orphaned}).first()


class Scan(NamedTuple):
    """The result of a scan for the rows of a dead file."""

    codes: Sequence[str]
    """The codes of the file."""
    last: str | None
    """The last code scanned, `None` at the end."""


def scan(connection: Connection, dead: Row[Any], after: str) -> Scan | None:
    """Scan for the staged codes of a dead file; `None` while there is other work on it.

    They may be few among millions of others, so this must not be part of a write transaction.
    """
    file = FileKey(dead.brand_id, dead.id)
    if _first_block(connection, file) is not None or _some_run(connection, file):
        return None
    values = {"brand_id": dead.job_brand_id, "after": after, "most": PURGED_AT_ONCE}
    rows = connection.execute(_ROWS, values).all()
    last = rows[-1].code if len(rows) == PURGED_AT_ONCE else None
    return Scan([code for code, of_file in rows if of_file == dead.id], last)


def purge(connection: Connection, dead: Row[Any], scanned: Scan | None) -> bool:
    """Delete a part of a dead file, and after its last rows the file itself.

    Returns:
        `False` if another process purges it, and nothing was deleted.
    """
    file = FileKey(dead.brand_id, dead.id)
    if not _lock(connection, file):
        return False
    if dead.job_id is None:
        orphan(connection, file)
    if scanned is None:
        if (first := _first_block(connection, file)) is not None:
            drop_blocks(connection, file, first + BLOCKS_PURGED_AT_ONCE)
        else:
            connection.execute(_DROP_RUNS, file._asdict())
        return True
    # Another import may have taken over a row, which then belongs to that one.
    drop_rows(connection, dead.job_brand_id, file, scanned.codes)
    if scanned.last is None:
        connection.execute(delete(import_file).where(*_is(file)))
    return True


def drop_rows(connection: Connection, brand_id: int, file: FileKey, codes: Sequence[str]) -> None:
    """Delete staged codes of a file."""
    values = {"brand_id": brand_id, "file": file.id, "codes": json.dumps(codes)}
    texts = dialect_of(connection).texts("codes")
    connection.execute(text(_DROP_ROWS.format(codes=texts)), values)


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
"""A select of the ids of files whose job is open."""
_DROP_RUNS = text("""
    DELETE FROM import_run WHERE brand_id = :brand_id AND file = :id AND run = (
        SELECT min(run) FROM import_run WHERE brand_id = :brand_id AND file = :id
    )
""")
# A few thousand codes as one value: each as a parameter takes seven times as long.
_DROP_ROWS = """
    DELETE FROM import_row WHERE brand_id = :brand_id AND file = :file
    AND code IN (SELECT value FROM {codes})
"""
_ROWS = (
    select(import_row.c.code, import_row.c.file)
    .where(import_row.c.brand_id == bindparam("brand_id"), import_row.c.code > bindparam("after"))
    .order_by(import_row.c.code)
    .limit(bindparam("most"))
)


def _is(file: FileKey) -> tuple[ColumnElement[bool], ...]:
    return import_file.c.brand_id == file.brand_id, import_file.c.id == file.id


def _lock(connection: Connection, file: FileKey) -> bool:
    """Lock a file for purging; `False` if another process has locked it."""
    statement = select(import_file.c.id).where(*_is(file), ~_OPEN_JOB)
    statement = statement.with_for_update(of=import_file, skip_locked=True)
    return connection.execute(statement).one_or_none() is not None


def _first_block(connection: Connection, file: FileKey) -> int | None:
    first: int | None = connection.execute(
        select(import_block.c.number)
        .where(import_block.c.brand_id == file.brand_id, import_block.c.file == file.id)
        .order_by(import_block.c.number)
        .limit(1)
    ).scalar_one_or_none()
    return first


def _some_run(connection: Connection, file: FileKey) -> bool:
    some = exists().where(import_run.c.brand_id == file.brand_id, import_run.c.file == file.id)
    return bool(connection.execute(select(some)).scalar_one())
