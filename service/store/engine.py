"""What an engine is made of; `engines.py` has one of each."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from service.settings import Settings
from service.store.database import Database, Observer
from service.store.repositories.reservations import Reservations
from service.store.signals import Signals

if TYPE_CHECKING:
    from service.store.maintenance.structure import Inspection


class Engine(NamedTuple):
    """One engine."""

    open: Callable[[Settings, Observer | None, int, Signals], Database]
    """Makes the database that the settings name, for so many threads."""
    reservations: Callable[[Any], Reservations]
    """Makes the way reservations are made in a database that `open` has made."""
    inspection: "Callable[[], Inspection]"
    """Imports how a database is looked at, which nothing that serves needs."""
