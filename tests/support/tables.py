"""Tables of real databases, created without starting an interpreter.

SQLite files are copies of one that is migrated once a session.
"""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from service.settings import Settings
from service.store.maintenance.upgrade import upgrade
from service.store.opening import open_database


def make_tables(env: Mapping[str, str]) -> None:
    """Create the tables as `discount db upgrade` does; a new file is a copy."""
    url = env.get("DISCOUNT_DATABASE_URL") or Path(env["DISCOUNT_DATABASE_URL_FILE"]).read_text()
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not file.exists():
        migrated_copy(file)
        return
    prepared = env.get("DISCOUNT_PREPARED_STATEMENTS") != "false"
    settings = Settings(database_url=url, prepared_statements=prepared)
    database = open_database(settings, threads=1)
    try:
        upgrade(database)
    finally:
        database.close()


@functools.cache
def migrated_file() -> Path:
    """Create a file with the service's tables once, and return its path, to be copied."""
    folder = tempfile.TemporaryDirectory(prefix="discount-sqlite-")
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "migrated.db"
    database = open_database(Settings(database_url=f"sqlite:///{file}"))
    upgrade(database)
    database.close()  # the last connection checkpoints the log, so
    return file


def migrated_copy(file: Path) -> str:
    """Create a database with the service's tables in `file`, and return its URL."""
    shutil.copyfile(migrated_file(), file)
    return f"sqlite:///{file}"
