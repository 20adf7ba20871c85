"""A snapshot of a live database for maintenance.

It differs from `database.py`: it creates no file, sets no mode, takes no write lock, and sees one
snapshot for any time. In SQLite's WAL mode
neither side waits for the other; but the write-ahead log grows as long as the snapshot is open.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from service.domain.codes import is_code
from service.domain.names import MAX_USER, is_name
from service.settings import sqlite_file
from service.store.errors import MaintenanceError
from service.store.repositories.stored_answers import ANSWER
from service.store.sqlite.files import require_database_file


def file_of(url: str) -> Path:
    """Return the file of an SQLite database.

    Raises:
        MaintenanceError: The file does not exist, or is not an SQLite database.
    """
    path = sqlite_file(url)
    if path is None:
        raise MaintenanceError(f"This works on SQLite files, not on {url.partition(':')[0]}.")
    require_database_file(path)
    return path


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """Yield a read-only connection on which all statements see the same snapshot.

    Raises:
        MaintenanceError: There is no such database, or it cannot be read.
    """
    path = file_of(url)
    engine = create_engine("sqlite://", creator=lambda: open_file(path), poolclass=NullPool)
    try:
        connection = engine.connect()
    except DBAPIError as error:
        reason = _why_unreadable(path) or error.orig
        raise MaintenanceError(f"The database {path} cannot be opened: {reason}.") from error
    with connection:
        try:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT 1 FROM sqlite_schema").all()  # the view begins here
        except DBAPIError as error:
            raise MaintenanceError(f"The database {path} cannot be read: {error.orig}.") from error
        yield connection


def _why_unreadable(path: Path) -> str | None:
    """Return why a file cannot be opened, which SQLite does not say."""
    try:
        path.open("rb").close()
    except OSError as error:
        return error.strerror
    return None


def open_file(path: Path) -> sqlite3.Connection:
    """Open an existing file, with the domain's rules as SQL functions.

    It is opened for writing because a write-ahead log after a crash must be recovered before reads;
    `query_only` prevents all other writes.
    """
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    # Invalid UTF-8 is damage to report, not a reason to stop.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    rules: dict[str, Callable[[str], bool]] = {
        "is_code": is_code,
        "is_name": is_name,
        "is_user": lambda text: is_name(text, MAX_USER),
        "is_answer": lambda text: re.fullmatch(ANSWER, text) is not None,
    }
    for name, rule in rules.items():
        connection.create_function(name, 1, _on_bytes(rule), deterministic=True)
    return connection


def _on_bytes(rule: Callable[[str], bool]) -> Callable[[bytes], bool]:
    """Apply a rule to a value of SQLite, which may not be a text."""
    return lambda raw: rule(raw.decode("utf-8", "surrogateescape"))
