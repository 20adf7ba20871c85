"""The tables of a real service's database, made without starting an interpreter for it."""

import functools
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from flask import Flask

from service.settings import Settings
from service.store.engines import open_database
from service.store.upgrade import upgrade

_folder = functools.cache(lambda: tempfile.TemporaryDirectory(prefix="discount-sqlite-"))


def make_tables(env: Mapping[str, str]) -> None:
    """Do what `discount db upgrade` does with this environment: a new file is a copy."""
    url = env.get("DISCOUNT_DATABASE_URL") or Path(env["DISCOUNT_DATABASE_URL_FILE"]).read_text()
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not file.exists():
        shutil.copyfile(_migrated(), file)
    else:
        prepared = env.get("DISCOUNT_PREPARED_STATEMENTS") != "false"
        _upgrade(Settings(database_url=url, prepared_statements=prepared))


@functools.cache
def _migrated() -> Path:
    """Return a file with tables and no rows, and with nothing left in its write-ahead log."""
    file = Path(_folder().name) / "migrated.db"
    _upgrade(Settings(database_url=f"sqlite:///{file}"))
    assert not file.with_name(f"{file.name}-wal").exists()
    return file


def _upgrade(settings: Settings) -> None:
    database = open_database(Flask(__name__), settings, threads=1)
    try:
        upgrade(database)
    finally:
        database.close()
