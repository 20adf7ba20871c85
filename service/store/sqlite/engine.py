"""SQLite, for `store/engines.py` to choose."""

from typing import TYPE_CHECKING

from service.settings import Settings
from service.store.database import Observer
from service.store.engine import Engine
from service.store.signals import Signals
from service.store.sqlite.database import SQLiteDatabase
from service.store.sqlite.reservations import SQLiteReservations

if TYPE_CHECKING:
    from service.store.maintenance.structure import Inspection


def _open(
    settings: Settings, observer: Observer | None, threads: int, signals: Signals
) -> SQLiteDatabase:
    return SQLiteDatabase(settings.database_url, threads, observer, signals)


def _inspection() -> "Inspection":
    from service.store.sqlite.structure import INSPECTION

    return INSPECTION


ENGINE = Engine(_open, SQLiteReservations, _inspection)
