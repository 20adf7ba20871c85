"""The space into which an SQLite file may grow."""

import os
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
    log = min(wal_bytes(path) or 0, CHECKPOINTED_BYTES)
    pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return Space(disk.f_bavail * disk.f_frsize + log, pages * size)


def wal_bytes(path: Path) -> int | None:
    """Return the size of a file's write-ahead log, 0 without one; `None` if it is unknown."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0
    except OSError:
        return None
