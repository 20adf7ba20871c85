"""Opening a database with the engine that its URL names."""

from service.settings import Settings
from service.store.database import Database, Observer
from service.store.engines import engine_of
from service.store.repositories.reservations import Reservations
from service.store.signals import Signals, ThreadSignals
from service.store.space import Reserve
from service.usecases.ports.code_moves import CodeMoves
from service.usecases.ports.lapses import Lapses


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


def code_moves_in(database: Database) -> CodeMoves:
    """Return the moves of codes of a database's engine."""
    return engine_of(str(database.engine.url)).code_moves(database)


def lapses_in(database: Database) -> Lapses:
    """Return the lapses of a database's engine."""
    return engine_of(str(database.engine.url)).lapses(database)
