"""Bringing a database to the tables that this code wants, and telling whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from service.store.database import Database


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def newest_revision() -> str | None:
    """Return the revision that this code wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current_revision(connection: Connection) -> str | None:
    """Return the revision that a database is at, `None` if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> str | None:
    """Run the steps that are missing, all or none, and return the revision reached.

    Several processes may do this at once: each waits for the one before it, then finds
    nothing to do.

    Raises:
        Unavailable: The database cannot be written.
    """
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return current_revision(connection)


def why_not_ready(database: Database) -> str | None:
    """Say what is wrong with the tables, `None` if nothing is.

    Raises:
        Unavailable: The database cannot be read.
    """
    with database.read() as connection:
        found = current_revision(connection)
    wanted = newest_revision()
    return None if found == wanted else f"at revision {found}, wanted {wanted}: run db upgrade"
