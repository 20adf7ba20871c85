"""SQLite files with the service's tables, copied from one that is migrated once a session."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from service.settings import Settings
from service.store.maintenance.upgrade import upgrade
from service.store.opening import open_database


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
