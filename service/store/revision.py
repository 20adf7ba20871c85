"""Which revision this code wants, and whether a file has it: known without SQLAlchemy.

To import that, and Alembic, is most of what the upgrade of a database that needs none would take.
"""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import quote

from service.settings import Settings, sqlite_file

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"


@cache
def newest_revision() -> str:
    """Return the revision that this code wants: the number of the last step."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))


def is_surely_newest(settings: Settings) -> bool:
    """Say whether an upgrade would find nothing to do.

    `False` may also mean that this cannot be told here: of PostgreSQL, or because the file cannot
    be read. Whoever upgrades then finds out, and says what is wrong.
    """
    if settings.on_postgresql:
        return False
    path = sqlite_file(settings.database_url)
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as connection:
            return bool(connection.execute(query).fetchall() == [(newest_revision(),)])
    except sqlite3.Error:
        return False
