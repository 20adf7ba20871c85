"""The choice of the engine by the URL.

This is the only place that chooses; what PostgreSQL needs is imported only where it is used: it is
a tenth of what a start on SQLite would take, and 8 MiB.
"""

from typing import TYPE_CHECKING

from service.settings import Settings
from service.store.database import Database, Observer
from service.store.engine import Engine
from service.store.repositories.reservations import Reservations
from service.store.signals import Signals, ThreadSignals
from service.store.space import Reserve
from service.store.sqlite.engine import ENGINE as SQLITE

if TYPE_CHECKING:
    from service.store.maintenance.structure import Inspection


def engine_of(url: str) -> Engine:
    """Return the engine that a URL names, which SQLAlchemy need not be able to read."""
    if url.startswith("sqlite:"):
        return SQLITE
    from service.store.postgresql.engine import ENGINE as POSTGRESQL

    return POSTGRESQL


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
    engine = engine_of(settings.database_url)
    threads = threads or settings.threads
    database = engine.open(settings, observer, threads, signals or ThreadSignals())
    database.reserve = Reserve(database.space, settings.reserve_bytes)
    return database


def reservations_in(database: Database) -> Reservations:
    """Return the reservations of a database's engine."""
    return engine_of(str(database.engine.url)).reservations(database)


def inspection_of(url: str) -> "Inspection":
    """Return the inspection of a database's engine."""
    return engine_of(url).inspection()
