"""The engine SQLite, for `store/engines.py` to choose."""

from typing import TYPE_CHECKING

from service.settings import Settings
from service.store.engine import Engine
from service.store.sqlite.failures import SQLiteFailures
from service.store.sqlite.fit_revision import fit_revision

if TYPE_CHECKING:
    from service.store.database import Observer
    from service.store.maintenance.structure import Inspection
    from service.store.signals import Signals
    from service.store.sqlite.code_moves import SQLiteCodeMoves
    from service.store.sqlite.database import SQLiteDatabase
    from service.store.sqlite.lapses import SQLiteLapses
    from service.store.sqlite.reservations import SQLiteReservations


def _open(
    settings: Settings, observer: "Observer | None", threads: int, signals: "Signals"
) -> "SQLiteDatabase":
    from service.store.sqlite.database import SQLiteDatabase

    return SQLiteDatabase(settings.database_url, threads, observer, signals)


def _reservations(database: "SQLiteDatabase") -> "SQLiteReservations":
    from service.store.sqlite.reservations import SQLiteReservations

    return SQLiteReservations(database)


def _code_moves(database: "SQLiteDatabase") -> "SQLiteCodeMoves":
    from service.store.sqlite.code_moves import SQLiteCodeMoves

    return SQLiteCodeMoves(database)


def _lapses(database: "SQLiteDatabase") -> "SQLiteLapses":
    from service.store.sqlite.lapses import SQLiteLapses

    return SQLiteLapses(database)


def _inspection() -> "Inspection":
    from service.store.sqlite.structure import INSPECTION

    return INSPECTION


def _failures(settings: Settings) -> SQLiteFailures:
    return SQLiteFailures(settings.database_url, "DISCOUNT_DATABASE_URL")


ENGINE = Engine(
    "sqlite", _open, _reservations, _code_moves, _lapses, _inspection, _failures, fit_revision
)
