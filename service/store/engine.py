"""An engine, as its room defines it and `engines.py` chooses it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from service.settings import Settings

if TYPE_CHECKING:
    from service.store.database import Database, Observer
    from service.store.maintenance.structure import Inspection
    from service.store.repositories.reservations import Reservations
    from service.store.signals import Signals
    from service.usecases.ports.code_moves import CodeMoves
    from service.usecases.ports.lapses import Lapses


class Failures(Protocol):
    """Sentences for operators about a database that cannot be used."""

    name: str
    """The name of the database, with the setting or argument that names it."""

    def describe(self, error: BaseException, reason: str) -> str:
        """Return a sentence about an error.

        Args:
            error: The error.
            reason: The engine's code of the error, see `observability.logging.database_error`.
        """

    def require_no_other(self) -> None:
        """Require that an existing file is a database.

        Raises:
            MaintenanceError: The file is something else, or cannot be read.
        """

    def require_database(self) -> None:
        """Require the file of a database before it is opened.

        Raises:
            MaintenanceError: The file does not exist, is something else, or cannot be read.
        """


class Engine(NamedTuple):
    """An engine; its functions take the settings."""

    name: str
    """The engine's name in OpenTelemetry's semantic conventions (`db.system.name`)."""
    open: "Callable[[Settings, Observer | None, int, Signals], Database]"
    """Returns the database, for so many threads."""
    reservations: "Callable[[Any], Reservations]"
    """Returns the reservations of a database that `open` has returned."""
    code_moves: "Callable[[Any], CodeMoves]"
    """Returns the moves of codes in a database that `open` has returned."""
    lapses: "Callable[[Any], Lapses]"
    """Returns the lapses in a database that `open` has returned."""
    inspection: "Callable[[], Inspection]"
    """Returns the inspection for `discount verify`, which no call needs."""
    failures: Callable[[Settings], Failures]
    """Returns the sentences about the database."""
    fit_revision: Callable[[Settings], str | None]
    """Returns the revision of a database that needs no upgrade, if a quick look shows it."""
