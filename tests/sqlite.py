"""An SQLite file with the service's tables, made once in a run and copied."""

import functools
import shutil
import tempfile
from pathlib import Path

from flask import Flask

from service.settings import Settings
from service.store.engines import open_database
from service.store.upgrade import upgrade

_folder = functools.cache(lambda: tempfile.TemporaryDirectory(prefix="discount-sqlite-"))


def upgrade_database(url: str) -> None:
    """Do what `discount db upgrade` does, without an interpreter of its own."""
    database = open_database(Flask(__name__), Settings(database_url=url))
    try:
        upgrade(database)
    finally:
        database.close()


def copy_migrated(path: Path) -> None:
    """Make a database file with tables and no rows."""
    shutil.copyfile(_migrated(), path)


@functools.cache
def _migrated() -> Path:
    """Return the file that is copied: one alone, as closing it ends its write-ahead log."""
    file = Path(_folder().name) / "migrated.db"
    upgrade_database(f"sqlite:///{file}")
    assert [file] == list(file.parent.iterdir())
    return file
