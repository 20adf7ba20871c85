"""Backups of a live SQLite database: one file with one snapshot, durable before it has its name.

SQLite's backup API copies pages unchanged. `VACUUM INTO`, the alternative, writes a smaller file,
but takes twice as long, and rebuilds the data, so that it fails at a damaged page that the API
copies. The pages are read from one snapshot: otherwise, every write of the service would restart
the copy, which would never end under load.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from service.store.errors import MaintenanceError
from service.store.migrations.current import current_revision
from service.store.sqlite.connections import driver_of
from service.store.sqlite.files import marker_of
from service.store.sqlite.snapshot import file_of, snapshot

PAGES_PER_STEP = 1000
"""4 MB: the command can be interrupted between two steps."""


def backup(url: str, target: Path) -> int:
    """Copy the database to a new file `target`, and return its size in bytes.

    Raises:
        MaintenanceError: The backup failed; there is no file.
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
        with suppress(OSError):  # a backup from a read-only place is one, too
            marker_of(file_of(url)).touch()
    except OSError as error:
        raise MaintenanceError(f"{target} cannot be written: {error.strerror}.") from error
    except sqlite3.DatabaseError as error:
        raise MaintenanceError(f"{target} cannot be written: {error}.") from error
    return target.stat().st_size


def _require_free(target: Path) -> None:
    """Require that a file can be created without overwriting one.

    Raises:
        MaintenanceError: It cannot.
    """
    if not target.parent.is_dir():
        raise MaintenanceError(f"There is no folder {target.parent}.")
    if os.path.lexists(target):
        raise MaintenanceError(f"{target} is there already, and a backup overwrites nothing.")


@contextmanager
def _partial_beside(target: Path) -> Iterator[Path]:
    """Create an empty private file, which is removed at the end unless it was renamed."""
    descriptor, name = tempfile.mkstemp(".partial", f".{target.name}.", target.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(url: str, partial: Path) -> None:
    """Copy all pages into a file without a write-ahead log."""
    with snapshot(url) as connection, closing(sqlite3.connect(partial)) as copy:
        if current_revision(connection) is None:
            raise MaintenanceError(f"{file_of(url)} has no tables: there is nothing to back up.")
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):  # a failed copy is deleted
            copy.execute(f"PRAGMA {pragma}")
        driver_of(connection).backup(copy, pages=PAGES_PER_STEP)
        copy.execute("PRAGMA journal_mode = DELETE")  # readable from a read-only disk


def _sync(path: Path) -> None:
    """Sync a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
