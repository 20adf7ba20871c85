"""Sentences about SQLite files that cannot be used."""

import os
import stat
from pathlib import Path

from service.settings import sqlite_file
from service.store.errors import MaintenanceError
from service.store.sqlite.files import require_database_file

_HEADER = b"SQLite format 3\0"
"""The beginning of every SQLite database: https://www.sqlite.org/fileformat2.html#magic_header_string"""
_MEANINGS = {
    "SQLITE_BUSY": "is locked by another program",
    "SQLITE_LOCKED": "is locked by another program",
    "SQLITE_READONLY": "cannot be written: the file or its directory is read-only",
    "SQLITE_FULL": "cannot be written: the disk is full",
    "SQLITE_CORRUPT": "is damaged; see docs/runbooks/restore.md",
    "SQLITE_NOTADB": "is not an SQLite database",
    "SQLITE_IOERR": "cannot be read or written: the disk reports an error",
    "SQLITE_CANTOPEN": "cannot be opened",
}
"""Errors of files, by the beginning of SQLite's error name."""


class SQLiteFailures:
    """Implements `store.engine.Failures`, which documents the methods.

    Args:
        url: The URL of the file.
        origin: The setting or argument with the URL.
    """

    def __init__(self, url: str, origin: str) -> None:
        path = sqlite_file(url)
        assert path  # noqa: S101 - the settings have looked
        self._path, self._origin = path, origin
        self.name = f"The database {self._path} ({origin})"

    def describe(self, _error: BaseException, reason: str) -> str:
        """Return a sentence; what the file shows comes before what SQLite says."""
        meanings = (_MEANINGS[name] for name in _MEANINGS if reason.startswith(name))
        found = _state_of(self._path) or next(meanings, f"cannot be used ({reason})")
        return f"{self.name} {found}."

    def require_no_other(self) -> None:
        """Require a database: SQLite takes a short text file for one, and would overwrite it."""
        if not self.is_absent() and (found := _state_of(self._path)):
            raise MaintenanceError(f"{self.name} {found}.")

    def require_database(self) -> None:
        """Require a database that exists."""
        self.require_no_other()
        require_database_file(self._path.absolute())

    def require_source(self) -> None:
        """Require the file of a database that is only read.

        Raises:
            MaintenanceError: The file does not exist, is something else, or cannot be read.
        """
        if self.is_absent():
            raise MaintenanceError(f"There is no database file {self._path}: see {self._origin}.")
        self.require_no_other()

    def is_absent(self) -> bool:
        """Return whether the file does not exist, as far as that can be seen."""
        try:
            self._path.lstat()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return False


def _state_of(path: Path) -> str | None:
    """Return what is wrong with a file, which SQLite does not say; `None` if it is a database."""
    try:
        return _kind_of(path.stat().st_mode) or _content_of(path)
    except FileNotFoundError:
        return _absence_of(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _kind_of(mode: int) -> str | None:
    """Return the kind of a file that is not regular: opening a pipe would block."""
    if stat.S_ISDIR(mode):
        return "is a directory, not a file"
    return None if stat.S_ISREG(mode) else "is not a regular file"


def _content_of(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(len(_HEADER))
    if start and start != _HEADER:
        return "is not an SQLite database"
    return None if os.access(path.parent, os.W_OK) else "cannot be used in a read-only directory"


def _absence_of(path: Path) -> str:
    if path.is_symlink():
        return f"is a symbolic link to {path.readlink()}, which does not exist"
    if not path.parent.is_dir():
        return f"does not exist, and neither does the directory {path.parent}"
    return "does not exist; `discount db upgrade` creates it"
