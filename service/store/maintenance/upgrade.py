"""Bringing a database to the tables that this code wants, step by step, with Alembic."""

import time

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from service.domain.errors import Unavailable
from service.store.database import Database
from service.store.errors import MaintenanceError
from service.store.migrations.current import current_revision
from service.store.migrations.revisions import (
    MIGRATIONS,
    Standing,
    newest_revision,
    revision_after,
    standing_of,
    why_unfit,
)

ATTEMPTS = 5
"""How often a step is tried that others' locks are in the way of."""
PAUSE_S = 0.2
"""Between two attempts, for those who waited meanwhile."""


def upgrade(database: Database, to: str | None = None) -> str | None:
    """Run the steps that are missing, and return the revision reached.

    Each step is a transaction of its own, done whole or not at all, and the next upgrade goes on
    where one has ended: so none keeps a table locked while it waits for what another step locks.
    A new database, which nobody uses yet, gets all its tables in one.

    Several processes may do this at once: each waits for the one before it, then finds
    nothing to do.

    Args:
        database: The database, perhaps in use.
        to: The revision to stop at, the newest if not given.

    Raises:
        Unavailable: The database cannot be written.
        MaintenanceError: It is at a revision that no version of this service has.
    """
    wanted = to or newest_revision()
    while True:
        reached = _step(database, wanted)
        if reached is None or reached >= wanted:
            return reached


def _step(database: Database, wanted: str) -> str | None:
    """Run the next step, or all that a new database needs; try again where others were in the way.

    Raises:
        Unavailable, MaintenanceError: As of `upgrade`.
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
        found = _require_known(connection)
        if found is None:
            return upgrade_on(connection, wanted)
        if found >= wanted:
            return found
        return upgrade_on(connection, revision_after(found))


def upgrade_on(connection: Connection, to: str = "head") -> str | None:
    """Run the steps that are missing inside a transaction, and return the revision reached.

    Newer tables stay as they are: a version that was rolled back has nothing to do.

    Raises:
        MaintenanceError: The tables are at a revision that no version of this service has.
    """
    found = _require_known(connection)
    if standing_of(found) is Standing.NEWER:
        return found
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # a template
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    return current_revision(connection)


def _require_known(connection: Connection) -> str | None:
    """Return the revision of the tables.

    Raises:
        MaintenanceError: No version of this service has it.
    """
    found = current_revision(connection)
    if standing_of(found) is Standing.UNKNOWN:
        raise MaintenanceError(f"The database is {why_unfit(found)}.")
    return found
