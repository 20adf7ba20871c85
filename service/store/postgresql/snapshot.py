"""A snapshot of a live database for maintenance.

It differs from `database.py`: it has no deadline, sees one snapshot, writes nothing, and trusts no
index. Nobody waits for it; but as long as it is open, vacuum keeps what was deleted since, in the
whole database.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from service.settings import SettingsError
from service.store.errors import MaintenanceError
from service.store.postgresql.connection import Connection as PostgreSQLConnection
from service.store.postgresql.conninfo import CONNECT_S, parameters_of
from service.store.postgresql.failures import server, unreachable

SETTING = "DISCOUNT_DATABASE_URL"
AS_LONG_AS_IT_TAKES = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
}
SNAPSHOT_SETTINGS = {
    **AS_LONG_AS_IT_TAKES,
    # An index or a rule may be what is broken.
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "constraint_exclusion": "off",
    # Whatever the server's own settings suit, this is the only such query that runs.
    "enable_seqscan": "on",
    "enable_sort": "on",
    "work_mem": "64MB",
    "max_parallel_workers_per_gather": "0",
}
_SET = text("""
    SELECT set_config(name, setting, TRUE)
    FROM unnest(CAST(:names AS TEXT[]), CAST(:settings AS TEXT[])) AS wanted (name, setting)
    WHERE name IN (SELECT name FROM pg_settings)
""")


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """Yield a read-only connection on which all statements see the same snapshot.

    Raises:
        MaintenanceError: There is no such database, or it cannot be read.
    """
    engine = maintenance_engine(
        url, isolation_level="REPEATABLE READ", execution_options={"postgresql_readonly": True}
    )
    with engine.connect() as connection:
        try:
            set_locally(connection, SNAPSHOT_SETTINGS)
        except DBAPIError as error:
            place = server(url, SETTING)
            raise MaintenanceError(
                f"The database, {place}, cannot be read: {error.orig}."
            ) from error
        yield connection


def maintenance_engine(url: str, origin: str = SETTING, **options: Any) -> Engine:
    """Return an engine for maintenance.

    Its connections have the URL's parameters, and none of the service's timeouts.

    Args:
        url: A libpq URL.
        origin: The setting or argument with the URL.
        options: Further arguments of SQLAlchemy's `create_engine`.

    Raises:
        MaintenanceError: On connecting: the server cannot be reached, or refuses us.
    """
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(url, origin),
        poolclass=NullPool,
        hide_parameters=True,
        use_native_hstore=False,
        **options,
    )


def set_locally(connection: Connection, settings: Mapping[str, str]) -> None:
    """Set those settings that the server knows, until the end of the transaction."""
    values = {"names": list(settings), "settings": list(settings.values())}
    connection.execute(_SET, values)


def _connect(url: str, origin: str) -> PostgreSQLConnection:
    defaults: dict[str, str | int | None] = {
        "application_name": "discount",
        "connect_timeout": CONNECT_S,
    }
    try:
        parameters = parameters_of(url, origin)
    except SettingsError as error:
        raise MaintenanceError(str(error)) from error
    try:
        return PostgreSQLConnection.connect(make_conninfo("", **{**defaults, **parameters}))
    except psycopg.Error as error:
        raise MaintenanceError(unreachable(url, error, origin)) from error
