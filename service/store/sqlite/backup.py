"""A copy of a live SQLite database: one file, of one moment, durable before it has its name.

SQLite's backup API copies the pages as they are. `VACUUM INTO` was the other choice: it writes
a smaller file, but takes twice as long, and rebuilds what it reads, so that a damaged page
stops it where this copies what there is. The pages are read from one snapshot: without it, every
write of the service would make the copy start again, and under load it would never end.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from service.store.errors import MaintenanceError
from service.store.migrations.current import current_revision
from service.store.sqlite.connections import driver_of
from service.store.sqlite.snapshot import file_of, snapshot

PAGES_PER_STEP = 1000
"""4 MB: between two steps the command can be interrupted."""


def backup(url: str, target: Path) -> int:
    """Copy the database to a new file `target`, and return its size in bytes.

    Raises:
        MaintenanceError: It cannot be done; nothing was made.
    """
    target = target.absolute()
    file_of(url)
    _require_free(target)
    try:
        with _partial_beside(target) as partial:
            _copy(url, partial)
            _sync(partial)
            _require_free(target)  # a hard link would be atomic, but not every mount has them
            partial.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise MaintenanceError(f"{target} cannot be written: {error.strerror}.") from error
    except sqlite3.DatabaseError as error:
        raise MaintenanceError(f"{target} cannot be written: {error}.") from error
    return target.stat().st_size


def _require_free(target: Path) -> None:
    """Make sure that a file can be made without overwriting one.

    Raises:
        MaintenanceError: It cannot.
    """
    if not target.parent.is_dir():
        raise MaintenanceError(f"There is no folder {target.parent}.")
    if os.path.lexists(target):
        raise MaintenanceError(f"{target} is there already, and a backup overwrites nothing.")


@contextmanager
def _partial_beside(target: Path) -> Iterator[Path]:
    """Make an empty file, readable by its owner alone, that is gone afterwards if not renamed."""
    descriptor, name = tempfile.mkstemp(".partial", f".{target.name}.", target.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(url: str, partial: Path) -> None:
    """Copy every page, and leave a file that needs none beside it."""
    with snapshot(url) as connection, closing(sqlite3.connect(partial)) as copy:
        if current_revision(connection) is None:
            raise MaintenanceError(f"{file_of(url)} has no tables: there is nothing to back up.")
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):  # a failed copy is deleted
            copy.execute(f"PRAGMA {pragma}")
        driver_of(connection).backup(copy, pages=PAGES_PER_STEP)
        copy.execute("PRAGMA journal_mode = DELETE")  # readable from a read-only disk


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
