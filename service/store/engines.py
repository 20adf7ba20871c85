"""Which engine a URL names, and what each brings of its own.

What PostgreSQL needs is imported only where it is used: it is a tenth of what a start on SQLite
would take, and 8 MiB.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from service.settings import Settings
from service.store.database import Database, Observer
from service.store.repositories.reservations import Reservations
from service.store.signals import Signals, ThreadSignals
from service.store.space import Reserve
from service.store.sqlite.database import SQLiteDatabase
from service.store.sqlite.reservations import SQLiteReservations

if TYPE_CHECKING:
    from service.store.maintenance.structure import Inspection


def open_database(
    settings: Settings,
    observer: Observer | None = None,
    threads: int | None = None,
    signals: Signals | None = None,
) -> Database:
    """Make the database that the settings name; nothing is opened before it is used.

    Args:
        settings: They name it, and say how many threads use it.
        observer: Is told what it does.
        threads: How many threads use it, where that is not the settings' number.
        signals: How callers wait, where not all of them are threads.

    Raises:
        SettingsError: There is no folder for the file of an SQLite database, or libpq does not
            take the URL of a PostgreSQL one.
    """
    database = _open(settings, observer, threads or settings.threads, signals or ThreadSignals())
    database.reserve = Reserve(database.space, settings.reserve_bytes)
    return database


def _open(
    settings: Settings, observer: Observer | None, threads: int, signals: Signals
) -> Database:
    if settings.on_postgresql:
        from service.store.postgresql.database import PostgreSQLDatabase

        conninfo = conninfo_of_settings(settings)
        conninfo()  # a mistake in it shows now
        return PostgreSQLDatabase(
            conninfo,
            threads,
            observer,
            signals,
            prepared=settings.prepared_statements,
            capacity=settings.database_capacity_bytes,
        )
    return SQLiteDatabase(settings.database_url, threads, observer, signals)


def reservations_in(database: Database) -> Reservations:
    """Return the way reservations are made in a database."""
    if isinstance(database, SQLiteDatabase):
        return SQLiteReservations(database)
    from service.store.postgresql.database import PostgreSQLDatabase
    from service.store.postgresql.reservations import PostgreSQLReservations

    assert isinstance(database, PostgreSQLDatabase)  # noqa: S101 - there are two
    return PostgreSQLReservations(database)


def inspection_of(url: str) -> "Inspection":
    """Return how a database is looked at.

    SQLAlchemy does not take every URL that libpq does, such as one of several hosts.
    """
    if url.startswith("sqlite:"):
        from service.store.sqlite.structure import INSPECTION as ON_SQLITE

        return ON_SQLITE
    from service.store.postgresql.structure import INSPECTION as ON_POSTGRESQL

    return ON_POSTGRESQL


def conninfo_of_settings(settings: Settings) -> Callable[[], str]:
    """Tell where to connect; a file that holds it is read for each connection, as it may change."""
    from service.store.postgresql.pool import conninfo_of

    def now() -> str:
        return conninfo_of(_url_in(settings.database_url_file) or settings.database_url)

    return now


def _url_in(path: Path | None) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path else None
