"""Error messages of commands: the only place that converts exceptions to sentences."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from service.api.problems.catalogue import detail_of
from service.domain.errors import InvalidRequest, ServiceError, Unavailable
from service.settings import Settings, SettingsError, load_settings, sqlite_file
from service.store.errors import MaintenanceError, UnfitDatabaseError
from service.store.sqlite.files import require_file

SETTING = "DISCOUNT_DATABASE_URL"
_HEADER = b"SQLite format 3\0"
"""The beginning of every SQLite database: https://www.sqlite.org/fileformat2.html#magic_header_string"""
_SQLITE = {
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
_POSTGRESQL = {
    "25006": "is read-only",
    "42501": "does not grant this user the necessary rights",
    "53100": "has no space left on its disk",
    "53300": "has too many connections",
    "55P03": "has a table that another session has locked",
    "57014": "took too long",
}
"""Errors of servers, by SQLSTATE."""


def sentence_of(error: BaseException) -> str | None:
    """Return a sentence about an error, with its file, host or setting; `None` for a bug."""
    if isinstance(error, UnfitDatabaseError):
        return f"{database_name(load_settings())}: {error}."
    if isinstance(error, SettingsError | MaintenanceError):
        return str(error)
    if isinstance(error, ServiceError):
        return _of_call(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}."
    return database_failure(error)


def _of_call(error: ServiceError) -> str:
    if isinstance(error, InvalidRequest) and error.errors:
        return " ".join(fault.detail for fault in error.errors)
    found = database_failure(error) if isinstance(error, Unavailable) else None
    return found or detail_of(error)


def database_failure(error: BaseException) -> str | None:
    """Return a sentence about an error of the configured database, `None` for another error."""
    from service.observability.logging import database_error

    reason = database_error(error)
    if reason is None:
        return None
    settings = load_settings()
    if settings.on_postgresql:
        return _of_postgresql(settings, error, reason)
    file = sqlite_file(settings.database_url)
    return _of_file(file, reason) if file else None


def source_failure(error: BaseException, source: str) -> str | None:
    """Return a sentence about an error of the database file FROM, `None` for another error."""
    from service.observability.logging import database_error

    reason, file = database_error(error) or "", sqlite_file(source)
    return _of_file(file, reason, "FROM") if file and reason.startswith("SQLITE_") else None


def require_source(url: str) -> None:
    """Require that FROM, if it is an SQLite URL, names a database file.

    Raises:
        MaintenanceError: The file does not exist, is something else, or cannot be read.
    """
    path = sqlite_file(url)
    if path and _is_absent(path):
        raise MaintenanceError(f"There is no database file {path}: see FROM.")
    if path:
        _require_no_other(path, "FROM")


def database_name(settings: Settings) -> str:
    """Return the name of the configured database for messages."""
    file = sqlite_file(settings.database_url)
    if file:
        return f"The database {file} ({SETTING})"
    from service.store.postgresql.conninfo import conninfo_of_settings
    from service.store.postgresql.failures import server

    return f"The database, {server(conninfo_of_settings(settings)(), SETTING)}"


def require_database(settings: Settings) -> None:
    """Require the file of an SQLite database before it is opened.

    Raises:
        MaintenanceError: The file does not exist, is something else, or cannot be read.
    """
    require_no_other_file(settings)
    require_file(settings)


def require_no_other_file(settings: Settings) -> None:
    """Require that an existing file is a database.

    SQLite treats a short text file as an empty database, which an upgrade would overwrite.

    Raises:
        MaintenanceError: The file is something else, or cannot be read.
    """
    path = sqlite_file(settings.database_url)
    if path and not _is_absent(path):
        _require_no_other(path, SETTING)


def _is_absent(path: Path) -> bool:
    """Return whether a file does not exist, as far as that can be seen."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _require_no_other(path: Path, origin: str) -> None:
    if found := _state_of(path):
        raise MaintenanceError(f"The database {path} ({origin}) {found}.")


def _of_file(path: Path, reason: str, origin: str = SETTING) -> str:
    words = next((_SQLITE[name] for name in _SQLITE if reason.startswith(name)), None)
    found = _state_of(path) or words or f"cannot be used ({reason})"
    return f"The database {path} ({origin}) {found}."


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


def _of_postgresql(settings: Settings, error: BaseException, reason: str) -> str:
    from service.store.postgresql.conninfo import conninfo_of_settings
    from service.store.postgresql.failures import server, unreachable
    from service.store.postgresql.pool import NoConnection

    conninfo = conninfo_of_settings(settings)()
    for cause in _causes(error):
        if isinstance(cause, NoConnection):
            return unreachable(conninfo, cause.trouble, SETTING)
    found = _POSTGRESQL.get(reason, f"does not answer as expected ({reason})")
    return f"The database, {server(conninfo, SETTING)}, {found}."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
