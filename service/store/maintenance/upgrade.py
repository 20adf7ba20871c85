"""Upgrades of the tables with Alembic, step by step."""

import time

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from service.domain.errors import Unavailable
from service.store.database import Database
from service.store.dialect import Dialect
from service.store.errors import UnfitDatabaseError
from service.store.migrations.current import current_revision
from service.store.migrations.revisions import (
    MIGRATIONS,
    RevisionStatus,
    newest_revision,
    revision_after,
    revision_status,
    why_unfit,
)

ATTEMPTS = 5
"""Attempts of a step that others' locks delay."""
PAUSE_S = 0.2
"""The pause between two attempts, for waiting callers."""


def upgrade(database: Database, to: str | None = None) -> str | None:
    """Run the missing steps, and return the revision reached.

    Each step is a transaction of its own, and the next upgrade continues where one has ended: so no
    step keeps a table locked while another one waits for its locks.
    A new database, which nobody uses yet, gets all its tables in one transaction.

    Several processes may do this at the same time: each waits for the others, then finds nothing
    to do.

    Args:
        database: The database, perhaps in use.
        to: The target revision, the newest by default.

    Raises:
        Unavailable: The database cannot be written.
        UnfitDatabaseError: The revision of the tables is unknown, or the encoding is of no use.
    """
    wanted = to or newest_revision()
    while True:
        reached = _step(database, wanted)
        if reached is None or reached >= wanted:
            return reached


def _step(database: Database, wanted: str) -> str | None:
    """Run the next step, or all steps of a new database, with retries after lock conflicts.

    Raises:
        Unavailable, UnfitDatabaseError: As with `upgrade`.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _try_step(database, wanted)
        except Unavailable as unavailable:
            if not database.gave_way(unavailable):
                raise
        time.sleep(PAUSE_S)
    return _try_step(database, wanted)


def _try_step(database: Database, wanted: str) -> str | None:
    with database.migration() as connection:
        require_fit(database.dialect, connection)
        found = _require_known(connection)
        if found is None:
            return upgrade_on(connection, wanted)
        if found >= wanted:
            return found
        return upgrade_on(connection, revision_after(found))


def upgrade_on(connection: Connection, to: str = "head") -> str | None:
    """Run the missing steps inside a transaction, and return the revision reached.

    Newer tables stay: a version after a roll-back has nothing to do.

    Raises:
        UnfitDatabaseError: The revision of the tables is unknown.
    """
    found = _require_known(connection)
    if revision_status(found) is RevisionStatus.NEWER:
        return found
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # a template
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    return current_revision(connection)


def require_fit(dialect: Dialect, connection: Connection) -> None:
    """Require a database that the service can use, whatever its tables.

    Raises:
        UnfitDatabaseError: The database's encoding lacks characters.
    """
    if why := dialect.why_unfit(connection):
        raise UnfitDatabaseError(why)


def _require_known(connection: Connection) -> str | None:
    """Return the revision of the tables.

    Raises:
        UnfitDatabaseError: The revision is unknown.
    """
    found = current_revision(connection)
    if revision_status(found) is RevisionStatus.UNKNOWN:
        raise UnfitDatabaseError(why_unfit(found))
    return found
