"""The engine PostgreSQL, for `store/engines.py` to choose."""

from typing import TYPE_CHECKING

from service.settings import Settings
from service.store.database import Observer
from service.store.engine import Engine
from service.store.postgresql.code_moves import PostgreSQLCodeMoves
from service.store.postgresql.conninfo import conninfo_of_settings
from service.store.postgresql.database import PostgreSQLDatabase
from service.store.postgresql.failures import PostgreSQLFailures
from service.store.postgresql.lapses import PostgreSQLLapses
from service.store.postgresql.reservations import PostgreSQLReservations
from service.store.signals import Signals

if TYPE_CHECKING:
    from service.store.maintenance.structure import Inspection


def _open(
    settings: Settings, observer: Observer | None, threads: int, signals: Signals
) -> PostgreSQLDatabase:
    """Return the database of the settings.

    Raises:
        SettingsError: libpq does not accept the URL.
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


def _failures(settings: Settings) -> PostgreSQLFailures:
    return PostgreSQLFailures(conninfo_of_settings(settings)(), "DISCOUNT_DATABASE_URL")


def _fit_revision(_settings: Settings) -> None:
    """Return no revision: a query would need what the quick look is meant to avoid."""


ENGINE = Engine(
    "postgresql",
    _open,
    PostgreSQLReservations,
    PostgreSQLCodeMoves,
    PostgreSQLLapses,
    _inspection,
    _failures,
    _fit_revision,
)
