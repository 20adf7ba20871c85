"""Removal of the queue of earlier versions: tables on PostgreSQL, a file on SQLite."""

from service.settings import Settings, sqlite_file
from service.store.database import Database

TABLES = ("huey_counter", "huey_kv", "huey_schedule", "huey_task")
SUFFIXES = ("-queue", "-queue-wal", "-queue-shm", "-queue-journal")
"""Suffixes of the files beside an SQLite database."""


def drop_old_queue(database: Database, settings: Settings) -> list[str]:
    """Remove the queue, and return the names of the removed tables and files.

    Args:
        database: The database.
        settings: The settings, which name an SQLite file.

    Raises:
        Unavailable: The database cannot be written now.
    """
    file = sqlite_file(settings.database_url)
    if file is None:
        with database.migration() as connection:
            found = connection.exec_driver_sql(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).scalars()
            tables = sorted(set(TABLES) & set(found))
            if tables:
                connection.exec_driver_sql(f"DROP TABLE {', '.join(tables)}")
        return tables
    files = [file.with_name(file.name + suffix) for suffix in SUFFIXES]
    there = [each for each in files if each.exists()]
    for each in there:
        each.unlink(missing_ok=True)
    return [each.name for each in there]
