"""A quick look at the revision of a database, without SQLAlchemy.

To import that, and Alembic, is most of what the upgrade of a database that needs none would take.
"""

import sqlite3
from contextlib import closing

from service.settings import Settings
from service.store.migrations.revisions import VERSION_TABLE, why_unfit
from service.store.sqlite.files import connect, path_of


def fit_revision(settings: Settings) -> str | None:
    """Return the revision of a database whose upgrade would find nothing to do.

    `None` may also mean that this cannot be told here: of PostgreSQL, or because the file cannot
    be read. Whoever upgrades then finds out, and says what is wrong.
    """
    if settings.on_postgresql:
        return None
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
    try:
        with closing(connect(path_of(settings.database_url))) as connection:
            rows = connection.execute(query).fetchall()
    except sqlite3.Error:
        return None
    found = rows[0][0] if len(rows) == 1 else None
    return found if isinstance(found, str) and not why_unfit(found) else None
