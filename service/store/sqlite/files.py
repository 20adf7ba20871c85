"""The files of an SQLite database: opening existing ones, and detecting their removal.

SQLite continues with a file that was moved or deleted, and later writes are lost. In WAL mode it
does not check, so we do: https://www.sqlite.org/howtocorrupt.html, section 4.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

from service.settings import sqlite_file
from service.store.errors import MaintenanceError

BESIDE = ("-wal", "-shm")
"""The suffix of the file with the latest commits, which exists while the database is open."""
_SEEN = "discount_files"

Identity = tuple[int, int]
"""Device and inode."""


class FileMovedError(sqlite3.OperationalError):
    """The file has been moved, deleted or replaced since it was opened."""

    sqlite_errorname = "SQLITE_READONLY_DBMOVED"
    """SQLite's name of this error outside of WAL mode."""
    sqlite_errorcode = 1032


def identity(path: Path | str) -> Identity | None:
    """Return the identity of a file, `None` if it does not exist."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before each commit: a Path takes three times as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def require_database_file(path: Path) -> None:
    """Require a file.

    Raises:
        MaintenanceError: The file does not exist.
    """
    if not path.is_file():
        raise MaintenanceError(
            f"There is no database file {path}: see DISCOUNT_DATABASE_URL; "
            "`discount db upgrade` creates a new one."
        )


def path_of(url: str) -> Path:
    """Return the file of an SQLite URL."""
    path = sqlite_file(url)
    assert path  # noqa: S101 - the settings have looked
    return path.absolute()


def marker_of(path: Path) -> Path:
    """Return the empty file whose time is that of the database's last backup."""
    return path.with_name(f"{path.name}-last-backup")


def last_backup(path: Path) -> float | None:
    """Return the Unix time of a file's last backup, 0 without one; `None` if it is unknown."""
    try:
        return marker_of(path).stat().st_mtime
    except FileNotFoundError:
        return 0.0
    except OSError:
        return None


def make_file(path: Path) -> None:
    """Create an empty private file, unless it exists.

    Raises:
        MaintenanceError: The file cannot be created.
    """
    try:
        # One that is there is not opened: to close it would end this process's locks on it
        # (https://www.sqlite.org/howtocorrupt.html, 2.2).
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise MaintenanceError(f"{path} cannot be made: {error.strerror}.") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing file.

    Raises:
        sqlite3.OperationalError: The file does not exist, or cannot be opened.
    """
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, check_same_thread=False)


class DatabaseFiles:
    """The identities of a database's files, as they were first seen.

    Args:
        path: The main file; the names of the others derive from it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._main = str(path)
        self._beside = tuple(f"{path}{suffix}" for suffix in BESIDE)
        self._opened = identity(self._main)
        """Known before the first connection, and to all processes forked later."""

    def connect(self) -> sqlite3.Connection:
        """Open the file, which must be the one that was seen first.

        Raises:
            sqlite3.OperationalError: The file does not exist, cannot be opened, or was replaced.
        """
        self.require_main()
        connection = connect(self.path)
        self._opened = self._opened or identity(self._main)
        return connection

    def why_moved(self) -> str | None:
        """Return what is wrong with the main file, or `None`."""
        found = identity(self._main)
        if found is None:
            return "the file is gone" if self._opened else "there is no file"
        if self._opened not in {None, found}:
            return "another file is in its place"
        return None

    def require_main(self) -> None:
        """Require the main file.

        Raises:
            FileMovedError: The file is gone or was replaced.
        """
        if why := self.why_moved():
            raise FileMovedError(why)

    def require_all(self, seen: dict[Any, Any]) -> None:
        """Require all files, while a connection is in a transaction.

        As long as a connection is open, nobody has a reason to remove one.

        Args:
            seen: The identities that this connection has seen before.

        Raises:
            FileMovedError: A file is gone or was replaced.
        """
        self.require_main()
        found = tuple(map(identity, self._beside))
        before = seen.setdefault(_SEEN, found)
        if found != before:
            if None not in before:
                raise FileMovedError("its write-ahead log is gone")
            seen[_SEEN] = found
