"""The engine: how SQLite is opened, how transactions begin, and what its errors mean.

Flask-SQLAlchemy makes the engine from the settings; nothing outside `store/` sees it.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, PoolProxiedConnection, event, exc, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.domain.errors import Unavailable
from service.settings import SettingsError
from service.store.group_commit import GroupCommit, Result, Work
from service.store.tables import metadata

BUSY_TIMEOUT_S = 3
"""How long SQLite waits for another process's write."""
POOL_TIMEOUT_S = 2
_BEGIN = "discount_begin"
"""Execution option: the statement that begins a transaction, `None` for no transaction."""
_OUR_FAULTS = (
    *(exc.IntegrityError, exc.ProgrammingError, exc.DataError),
    *(sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError),
)
"""What no waiting mends; all else that a database says passes by itself, or by an operator."""


class Observer(Protocol):
    """Hears what a database does."""

    def read(self, seconds: float) -> None:
        """Note a read."""

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Note how many writes shared a transaction, how many wait behind it, how long it took."""


class Nobody:
    """Takes no notice."""

    def read(self, seconds: float) -> None:
        """Do nothing."""

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Do nothing."""


class Database:
    """One engine, and the ways to use it: `read`, `write`, and a `transaction` of one's own.

    Nothing is opened before it is used.

    Args:
        app: The application whose life the engine shares.
        url: An SQLAlchemy URL with an absolute path.
        threads: How many threads use it at once; each gets a connection.
        observer: Hears what the database does.
    """

    def __init__(
        self, app: Flask, url: str, threads: int, observer: Observer | None = None
    ) -> None:
        _require_folder(url)
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
            "pool_size": threads,
            "max_overflow": 3,  # the writer, and a probe or scrape while every thread is busy
            "pool_timeout": POOL_TIMEOUT_S,
            "hide_parameters": True,  # error texts reach the log, codes and users must not
        }
        extension = SQLAlchemy(app, metadata=metadata)
        with app.app_context():
            self.engine = extension.engine
        _follow_sqlite_rules(self.engine)
        self._reader = self.engine.execution_options(**{_BEGIN: None})
        self._own = threading.local()
        self._era = object()
        self._all_kept: list[PoolProxiedConnection] = []
        self._observer = observer or Nobody()
        self._group_commit = GroupCommit(self.transaction, self._observer.commit)

    def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            Unavailable: There is none.
        """
        with self.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection on which each statement sees the latest committed state.

        Raises:
            Unavailable: The database cannot answer now.
        """
        began = time.perf_counter()
        with _as_unavailable(), self._reader.connect() as connection:
            yield connection
        self._observer.read(time.perf_counter() - began)

    def row(self, statement: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Read one row, past SQLAlchemy, on a connection that this thread keeps for it.

        Raises:
            Unavailable: The database cannot answer now.
        """
        began = time.perf_counter()
        with _as_unavailable():
            kept = self._kept()
            try:
                row: tuple[Any, ...] | None = kept.execute(statement, values).fetchone()
            except sqlite3.Error:
                self._let_go()  # whatever it was, the next read begins anew
                raise
        self._observer.read(time.perf_counter() - began)
        return row

    def _kept(self) -> sqlite3.Connection:
        """Return this thread's own connection, opened once until `close`."""
        if getattr(self._own, "era", None) is not self._era:
            lent = self.engine.raw_connection()
            self._own.connection = lent.driver_connection
            lent.detach()  # it is not the pool's any more
            self._own.lent, self._own.era = lent, self._era
            self._all_kept.append(lent)
        kept: sqlite3.Connection = self._own.connection
        return kept

    def _let_go(self) -> None:
        """Close this thread's own connection."""
        self._own.era = None
        self._all_kept.remove(self._own.lent)
        self._own.lent.close()

    def write(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction, perhaps with others', and return once it is durable.

        Raises:
            Unavailable: The database cannot answer now; `work` is wholly done or not at all.
            Exception: Whatever `work` raised; then it changed nothing.
        """
        return self._group_commit.run(work)

    @property
    def waiting_writes(self) -> int:
        """How many writes have not begun."""
        return self._group_commit.waiting

    def close(self) -> None:
        """Finish the writes that wait, and close all connections; later use opens new ones."""
        self._group_commit.close()
        self._era = object()
        while self._all_kept:
            self._all_kept.pop().close()
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction that holds the write lock from its beginning to its commit.

        It is durable when the block has been left without an exception, and undone otherwise.

        Raises:
            Unavailable: The database cannot answer now; nothing was done.
        """
        with _as_unavailable(), self.engine.begin() as connection:
            yield connection


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, inside the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the type checker
    return driver


def _require_folder(url: str) -> None:
    """Insist on the folder of an SQLite file, which SQLite itself does not make.

    Raises:
        SettingsError: It is not there: a slip of the pen must not make a new, empty database.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        folder = Path(parsed.database).parent
        if not folder.is_dir():
            raise SettingsError(f"DISCOUNT_DATABASE_URL: there is no folder {folder}.")


def _follow_sqlite_rules(engine: Engine) -> None:
    """Set up every SQLite connection, and begin transactions as we want them.

    The driver's own transaction control begins too late (before the first write, so that a
    read before it may be stale), hence `isolation_level=None` and a BEGIN of our own:
    https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#pysqlite-serializable
    """

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
            "journal_mode = WAL",  # readers and the writer do not block each other
            "synchronous = FULL",  # what was answered survives the loss of power
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE")
        if statement:
            connection.exec_driver_sql(statement)


@contextmanager
def _as_unavailable() -> Iterator[None]:
    """Say `Unavailable` for what passes by itself: a lock, a full disk, a lost connection."""
    try:
        yield
    except _OUR_FAULTS:
        raise
    except (DBAPIError, sqlite3.Error, PoolTimeout) as error:
        raise Unavailable from error
