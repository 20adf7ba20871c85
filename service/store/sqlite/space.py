"""The space into which an SQLite file may grow."""

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection

from service.store.space import Space

CHECKPOINTED_BYTES = 1000 * 4096
"""The size of the write-ahead log at which it is checkpointed, unless a reader prevents that
(https://www.sqlite.org/wal.html#automatic_checkpoint)."""


def space_of(path: Path, connection: Connection) -> Space | None:
    """Return the space of a file; `None` if the system does not tell the space of its disk.

    SQLite overwrites the write-ahead log after a checkpoint, so the log counts as free space:
    otherwise a disk that the log has filled would count as full for ever.
    """
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return None
    log = 0
    with suppress(OSError):
        log = min(path.with_name(f"{path.name}-wal").stat().st_size, CHECKPOINTED_BYTES)
    pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return Space(disk.f_bavail * disk.f_frsize + log, pages * size)
