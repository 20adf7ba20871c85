"""The tables of a real service's database, created without starting an interpreter."""

from collections.abc import Mapping
from pathlib import Path

from service.settings import Settings
from service.store.maintenance.upgrade import upgrade
from service.store.opening import open_database
from tests.support.sqlite import migrated_copy


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
