"""The choice of the engine by the URL.

PostgreSQL's modules are imported only when needed: they would add a tenth to a start on SQLite, and
8 MiB.
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
    """Return the database of the settings; nothing is opened before it is used.

    Args:
        settings: The URL, and the number of threads.
        observer: The observer.
        threads: The number of threads, if it differs from the settings.
        signals: The signals for waiting callers, if not all callers are threads.

    Raises:
        SettingsError: The folder of an SQLite file does not exist, or libpq does not accept the
            URL of a PostgreSQL server.
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
    """Return the reservations of a database's engine."""
    if isinstance(database, SQLiteDatabase):
        return SQLiteReservations(database)
    from service.store.postgresql.database import PostgreSQLDatabase
    from service.store.postgresql.reservations import PostgreSQLReservations

    assert isinstance(database, PostgreSQLDatabase)  # noqa: S101 - there are two
    return PostgreSQLReservations(database)


def inspection_of(url: str) -> "Inspection":
    """Return the inspection of a database's engine.

    SQLAlchemy does not accept every URL of libpq, such as one with several hosts.
    """
    if url.startswith("sqlite:"):
        from service.store.sqlite.structure import INSPECTION as ON_SQLITE

        return ON_SQLITE
    from service.store.postgresql.structure import INSPECTION as ON_POSTGRESQL

    return ON_POSTGRESQL


def conninfo_of_settings(settings: Settings) -> Callable[[], str]:
    """Return a function that returns the connection string, read anew if it is in a file."""
    from service.store.postgresql.pool import conninfo_of

    def now() -> str:
        return conninfo_of(_url_in(settings.database_url_file) or settings.database_url)

    return now


def _url_in(path: Path | None) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path else None
