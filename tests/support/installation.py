"""The shared application of the tests: one for each session and engine, whose rows are deleted.

Building one takes longer than most tests. The rows are deleted, not rolled back: the service
commits in threads of its own. A test that changes the tables, or damages the database, requests
another one with the mark `own_database`.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from service.app import create_app, services_of
from service.container.services import build
from service.server.fast_path.dispatch import FastPath
from service.server.fast_path.entry import install
from service.settings import Settings
from service.store.database import Database
from service.store.tables import metadata
from tests.support.postgresql import fresh_database, migrated
from tests.support.tables import migrated_copy
from tests.support.tokens import SECRET

MEMORY = Path("/dev/shm")  # noqa: S108 - each file there is in a folder of its own
"""Settings without waits for a disk, which would be most of the time of a small test."""
_DELETE = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]
_EMPTY = {
    "sqlite": _DELETE,
    "postgresql": [  # in one round trip
        "; ".join([*_DELETE, "SELECT setval(pg_get_serial_sequence('brand', 'id'), 1, false)"])
    ],
}
_SCHEMA = {
    "sqlite": "SELECT version_num || group_concat(sql) FROM alembic_version, sqlite_schema",
    "postgresql": """
        SELECT string_agg(what, '; ' ORDER BY what) FROM (
            SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT conrelid::regclass || conname || convalidated FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT version_num FROM alembic_version
            UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        ) AS schema(what)
    """,
}


class Lines(io.TextIOWrapper):
    """A stream that keeps the log."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        """All lines but those that a busy machine adds."""
        lines = self._bytes.getvalue().decode().splitlines(keepends=True)
        return "".join(line for line in lines if '"database_slow"' not in line)

    def forget(self) -> None:
        """Forget all lines."""
        self._bytes.seek(0)
        self._bytes.truncate()

    @property
    def _bytes(self) -> io.BytesIO:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer


def settings_for(database_url: str) -> Settings:
    """Return the settings of an application on a database."""
    return Settings(
        database_url=database_url,
        jwt_secret=SECRET,
        pseudonym_key="the pseudonym key of the test suite",
        miss_limit=0,  # of all tests together
        threads=4,
    )


@dataclass
class Installation:
    """An application on a database, and its log."""

    app: Flask
    settings: Settings
    log: Lines
    schema: str = ""

    def __post_init__(self) -> None:
        self.schema = self.found_schema()

    def found_schema(self) -> str:
        """Read the revision, and the definitions of all tables, indexes and constraints."""
        database = services_of(self.app).storage.database
        with Database.read(database) as connection:  # a test may have damaged the engine's own
            found: str = connection.exec_driver_sql(_SCHEMA[connection.dialect.name]).scalar_one()
        return found

    def clear(self) -> None:
        """Delete every row, and count ids from 1 again."""
        database = services_of(self.app).storage.database
        with database.transaction() as connection:
            for statement in _EMPTY[connection.dialect.name]:
                connection.exec_driver_sql(statement)

    def check(self) -> None:
        """Require that a test has left the application as others need it.

        Raises:
            AssertionError: It has changed what is not in rows: it should have had its own.
        """
        assert not services_of(self.app).drain.begun, "a test left the shared application draining"
        assert isinstance(self.app.wsgi_app, FastPath), "a test left another way to answer"
        assert self.schema == self.found_schema(), "a test needs the mark own_database"


@contextmanager
def database_of(engine: str, folder: Path) -> Iterator[str]:
    """Make a database with the service's tables, and return its URL; SQLite's is in `folder`."""
    if engine == "postgresql":
        with fresh_database(migrated()) as url:
            yield url
    else:
        yield migrated_copy(folder / "discount.db")


@contextmanager
def new_database(engine: str, folder: Path) -> Iterator[str]:
    """Return the URL of a database without tables; of SQLite's there is not even the file."""
    if engine == "postgresql":
        with fresh_database() as url:
            yield url
    else:
        yield f"sqlite:///{folder / 'discount.db'}"


@contextmanager
def application(settings: Settings, log: Lines) -> Iterator[Flask]:
    """Build an application, and close what it opened."""
    app = create_app(build(settings, log_stream=log))
    install(app)
    try:
        yield app
    finally:
        services_of(app).storage.store.close()


@contextmanager
def installation(engine: str) -> Iterator[Installation]:
    """Build an application on a database of an engine."""
    log, memory = Lines(), MEMORY if MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="discount-", dir=memory) as folder,
        database_of(engine, Path(folder)) as url,
        application(settings_for(url), log) as app,
    ):
        yield Installation(app, settings_for(url), log)
