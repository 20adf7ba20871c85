"""What a command says of an exception: the one place where it becomes a sentence."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from service.api.problems.catalogue import detail_of
from service.domain.errors import InvalidRequest, ServiceError, Unavailable
from service.settings import Settings, SettingsError, load_settings, sqlite_file
from service.store.errors import MaintenanceError
from service.store.sqlite.files import require_file

SETTING = "DISCOUNT_DATABASE_URL"
_HEADER = b"SQLite format 3\0"
"""How every SQLite database begins: https://www.sqlite.org/fileformat2.html#magic_header_string"""
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
"""What is wrong with a file, by how SQLite's name of it begins."""
_POSTGRESQL = {
    "25006": "is read-only",
    "42501": "does not grant this user the necessary rights",
    "53100": "has no space left on its disk",
    "53300": "has too many connections",
    "55P03": "has a table that another session has locked",
    "57014": "took too long",
}
"""What is wrong with a server, by its SQLSTATE."""


def sentence_of(error: BaseException) -> str | None:
    """Say what went wrong, and with which file, host or setting; `None` of a fault of ours."""
    if isinstance(error, SettingsError | MaintenanceError):
        return str(error)
    if isinstance(error, InvalidRequest) and error.errors:
        return " ".join(fault.detail for fault in error.errors)
    if isinstance(error, Unavailable):
        return database_failure(error) or detail_of(error)
    if isinstance(error, ServiceError):
        return detail_of(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}."
    return database_failure(error)


def database_failure(error: BaseException) -> str | None:
    """Say what is wrong with the database of the settings, `None` if that is not to blame."""
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
    """Say what is wrong with FROM, the URL of a database file, `None` if that is not to blame."""
    from service.observability.logging import database_error

    reason, file = database_error(error) or "", sqlite_file(source)
    return _of_file(file, reason, "FROM") if file and reason.startswith("SQLITE_") else None


def require_source(url: str) -> None:
    """Require that FROM is the URL of a database file, if it is one of SQLite at all.

    Raises:
        MaintenanceError: There is none, it is something else, or cannot be read.
    """
    path = sqlite_file(url)
    if path and _is_absent(path):
        raise MaintenanceError(f"There is no database file {path}: see FROM.")
    if path:
        _require_no_other(path, "FROM")


def database_name(settings: Settings) -> str:
    """Say which database the settings name."""
    file = sqlite_file(settings.database_url)
    if file:
        return f"The database {file} ({SETTING})"
    from service.store.postgresql.conninfo import conninfo_of_settings
    from service.store.postgresql.failures import server

    return f"The database, {server(conninfo_of_settings(settings)(), SETTING)}"


def require_database(settings: Settings) -> None:
    """Require the file of an SQLite database, before anything is opened.

    Raises:
        MaintenanceError: There is none, it is something else, or cannot be read.
    """
    require_no_other_file(settings)
    require_file(settings)


def require_no_other_file(settings: Settings) -> None:
    """Require that a file, if there is one, is a database.

    SQLite takes a short text for an empty database, and an upgrade would overwrite it.

    Raises:
        MaintenanceError: It is something else, or cannot be read.
    """
    path = sqlite_file(settings.database_url)
    if path and not _is_absent(path):
        _require_no_other(path, SETTING)


def _is_absent(path: Path) -> bool:
    """Return whether nothing has this name; what cannot be looked at may be there."""
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
    """Look at a file for what SQLite does not tell; `None` if it looks like a database."""
    try:
        return _kind_of(path.stat().st_mode) or _content_of(path)
    except FileNotFoundError:
        return _absence_of(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _kind_of(mode: int) -> str | None:
    """Say what a file is that is no regular one: to open a pipe would wait for its writer."""
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
