"""The revision of a database's tables, and whether this code can serve them."""

from sqlalchemy import Connection, inspect

from service.store.database import Database
from service.store.migrations.revisions import VERSION_TABLE, why_unfit


def current_revision(connection: Connection) -> str | None:
    """Return the revision of a database, `None` if it has no tables yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
    revision: str | None = connection.exec_driver_sql(query).scalar()
    return revision


def why_not_ready(database: Database) -> str | None:
    """Return why the tables cannot be used, or `None`.

    Raises:
        Unavailable: The database cannot be read.
    """
    with database.probe() as connection:
        return database.dialect.why_unfit(connection) or why_unfit(current_revision(connection))
