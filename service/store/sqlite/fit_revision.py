"""A quick look at the revision of a database, without SQLAlchemy.

The import of SQLAlchemy and Alembic would take most of the time of an unnecessary upgrade.
"""

import sqlite3
from contextlib import closing

from service.settings import Settings
from service.store.migrations.revisions import VERSION_TABLE, why_unfit
from service.store.sqlite.files import connect, path_of


def fit_revision(settings: Settings) -> str | None:
    """Return the revision of a database that needs no upgrade.

    `None` may also mean that this is unknown, as with an unreadable file. The upgrade itself then
    reports the error.
    """
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
    try:
        with closing(connect(path_of(settings.database_url))) as connection:
            rows = connection.execute(query).fetchall()
    except sqlite3.Error:
        return None
    found = rows[0][0] if len(rows) == 1 else None
    return found if isinstance(found, str) and not why_unfit(found) else None
