"""The files of an SQLite database: opening those that are there, and noticing when they go away.

SQLite goes on with a file that was moved or deleted under it, and what is written there is found
by nobody. In WAL mode it does not look, so we do: https://www.sqlite.org/howtocorrupt.html, 4.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

from service.settings import Settings, sqlite_file
from service.store.errors import MaintenanceError

BESIDE = ("-wal", "-shm")
"""What lies beside the file for as long as anybody has it open, and holds the latest commits."""
_SEEN = "discount_files"

Identity = tuple[int, int]
"""Device and inode."""


class FileMovedError(sqlite3.OperationalError):
    """The file is not where it was when it was opened, or another one is."""

    sqlite_errorname = "SQLITE_READONLY_DBMOVED"
    """SQLite's own word for it, outside WAL mode."""
    sqlite_errorcode = 1032


def identity(path: Path | str) -> Identity | None:
    """Return what tells a file from all others, `None` if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before each commit: a Path takes three times as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def require_file(settings: Settings) -> None:
    """Require the file of an SQLite database, before anything is opened.

    Raises:
        MaintenanceError: There is none.
    """
    if not settings.on_postgresql:
        require_database_file(path_of(settings.database_url))


def require_database_file(path: Path) -> None:
    """Require a file.

    Raises:
        MaintenanceError: There is none.
    """
    if not path.is_file():
        raise MaintenanceError(
            f"There is no database file {path}: see DISCOUNT_DATABASE_URL; "
            "`discount db upgrade` creates a new one."
        )


def path_of(url: str) -> Path:
    """Return the file that a URL of SQLite names."""
    path = sqlite_file(url)
    assert path  # noqa: S101 - the settings have looked
    return path.absolute()


def make_file(path: Path) -> None:
    """Make an empty file, readable by its owner alone, where there is none.

    Raises:
        MaintenanceError: It cannot be made.
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
    """Open a file that is there.

    Raises:
        sqlite3.OperationalError: It is not, or cannot be opened.
    """
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, check_same_thread=False)


class DatabaseFiles:
    """The files of a database, as they were first seen.

    Args:
        path: Of the main file; those beside it are called after it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._main = str(path)
        self._beside = tuple(f"{path}{suffix}" for suffix in BESIDE)
        self._opened = identity(self._main)
        """Known before the first connection, and by every process that is forked from this one."""

    def connect(self) -> sqlite3.Connection:
        """Open the file, which must be the one that was there first.

        Raises:
            sqlite3.OperationalError: It is not there, cannot be opened, or is another one.
        """
        self.require_main()
        connection = connect(self.path)
        self._opened = self._opened or identity(self._main)
        return connection

    def why_moved(self) -> str | None:
        """Say what is wrong with the main file, `None` if nothing is."""
        found = identity(self._main)
        if found is None:
            return "the file is gone" if self._opened else "there is no file"
        if self._opened not in {None, found}:
            return "another file is in its place"
        return None

    def require_main(self) -> None:
        """Require the main file.

        Raises:
            FileMovedError: It is not there, or another one is.
        """
        if why := self.why_moved():
            raise FileMovedError(why)

    def require_all(self, seen: dict[Any, Any]) -> None:
        """Require all files, while a connection is in a transaction.

        As long as a connection is open, nobody has a reason to take any away.

        Args:
            seen: What was found on this connection before.

        Raises:
            FileMovedError: One is gone, or another one is in its place.
        """
        self.require_main()
        found = tuple(map(identity, self._beside))
        before = seen.setdefault(_SEEN, found)
        if found != before:
            if None not in before:
                raise FileMovedError("its write-ahead log is gone")
            seen[_SEEN] = found
