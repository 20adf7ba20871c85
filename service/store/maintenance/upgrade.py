"""Bringing a database to the tables that this code wants, step by step, with Alembic."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from service.store.database import Database
from service.store.errors import MaintenanceError
from service.store.revision import MIGRATIONS, Standing, standing_of, why_unfit
from service.store.schema import current_revision


def upgrade(database: Database, to: str = "head") -> str | None:
    """Run the steps that are missing, all or none, and return the revision reached.

    Several processes may do this at once: each waits for the one before it, then finds
    nothing to do.

    Raises:
        Unavailable: The database cannot be written.
        MaintenanceError: It is at a revision that no version of this service has.
    """
    with database.migration() as connection:
        return upgrade_on(connection, to)


def upgrade_on(connection: Connection, to: str = "head") -> str | None:
    """Run the steps that are missing inside a transaction, and return the revision reached.

    Newer tables stay as they are: a version that was rolled back has nothing to do.

    Raises:
        MaintenanceError: The tables are at a revision that no version of this service has.
    """
    found = current_revision(connection)
    standing = standing_of(found)
    if standing is Standing.UNKNOWN:
        raise MaintenanceError(f"The database is {why_unfit(found)}.")
    if standing is Standing.NEWER:
        return found
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # a template
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    return current_revision(connection)
