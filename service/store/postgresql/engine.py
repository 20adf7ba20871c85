"""PostgreSQL, for `store/engines.py` to choose."""

from typing import TYPE_CHECKING

from service.settings import Settings
from service.store.database import Observer
from service.store.engine import Engine
from service.store.postgresql.conninfo import conninfo_of_settings
from service.store.postgresql.database import PostgreSQLDatabase
from service.store.postgresql.reservations import PostgreSQLReservations
from service.store.signals import Signals

if TYPE_CHECKING:
    from service.store.maintenance.structure import Inspection


def _open(
    settings: Settings, observer: Observer | None, threads: int, signals: Signals
) -> PostgreSQLDatabase:
    """Make the database.

    Raises:
        SettingsError: libpq does not take the URL.
    """
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


def _inspection() -> "Inspection":
    from service.store.postgresql.structure import INSPECTION

    return INSPECTION


ENGINE = Engine(_open, PostgreSQLReservations, _inspection)
