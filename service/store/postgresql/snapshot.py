"""One unchanging view of a live database, for whoever looks at all of it.

It is apart from `database.py` because it promises the opposite: it takes as long as it takes, sees
one moment, writes nothing, and believes no index. Nobody waits for it; but as long as it lasts,
vacuum keeps what was deleted since it began, in the whole database.
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
from service.store.postgresql.failures import unreachable

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
    """Lend a connection on which every statement sees the same moment, and none can change it.

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
            raise MaintenanceError(f"The database cannot be read: {error.orig}.") from error
        yield connection


def maintenance_engine(url: str, origin: str = "DISCOUNT_DATABASE_URL", **options: Any) -> Engine:
    """Make an engine for maintenance, with what SQLAlchemy's `create_engine` is told beside it.

    Its connections have what the URL says, and none of the haste of the service.

    Args:
        url: As libpq takes it.
        origin: The setting or argument that it comes from.
        options: What SQLAlchemy's `create_engine` takes.

    Raises:
        MaintenanceError: On connecting: the server cannot be reached, or does not let us in.
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
    """Set what the server knows of some settings, until the end of the transaction."""
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
