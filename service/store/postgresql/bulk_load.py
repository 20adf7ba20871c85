"""Bulk load of an empty database in one transaction: all rows arrive, or none.

So an interrupted copy needs no marker and no clean-up: nobody ever sees half of it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Table, cast, exists, func, select, text
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.exc import DBAPIError

from service.store.errors import MaintenanceError, UnfitDatabaseError
from service.store.maintenance.checksums import shared_columns
from service.store.maintenance.upgrade import require_fit, upgrade_on
from service.store.migrations.current import current_revision
from service.store.migrations.revisions import (
    VERSION_TABLE,
    RevisionStatus,
    newest_revision,
    revision_status,
)
from service.store.postgresql.database import MIGRATION_LOCK
from service.store.postgresql.dialect import PostgreSQLDialect
from service.store.postgresql.driver import driver_of
from service.store.postgresql.failures import server
from service.store.postgresql.snapshot import AS_LONG_AS_IT_TAKES, maintenance_engine, set_locally
from service.store.tables import metadata

Report = Callable[[str, int, int], None]
"""Called with the current activity, the amount done, and the total."""
APPLICATION_NAME = "discount db copy"
"""The application name of a bulk load's connection."""
_SETTINGS = {
    **AS_LONG_AS_IT_TAKES,
    "application_name": APPLICATION_NAME,
    "lock_timeout": "5s",
    # The server stops working for a killed client, and frees its locks.
    "client_connection_check_interval": "1s",
    "maintenance_work_mem": "256MB",
}
_LOCK = text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
_TERMINATE_OTHERS = text(f"""
    SELECT pg_terminate_backend(pid, 5000) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND application_name = '{APPLICATION_NAME}'
        AND (CAST(CAST(classid AS BIGINT) AS BIT(32)) || CAST(CAST(objid AS BIGINT) AS BIT(32)))
            = CAST({MIGRATION_LOCK} AS BIT(64))
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")  # noqa: S608 - constants
_LOCKED = "55P03"

# Indexes and constraints: slow to maintain during the load, and fast to create afterwards.
# References are dropped first, as they need the keys, and created last.
_KEYS = text("""
    SELECT array_position(ARRAY['f', 'p', 'u'], contype::text) AS place,
        format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s',
            conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE contype IN ('f', 'p', 'u') AND conrelid = ANY (CAST(:tables AS regclass[]))
    UNION ALL
    SELECT 4, format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index
    WHERE indrelid = ANY (CAST(:tables AS regclass[])) AND NOT EXISTS (
        SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
    )
    ORDER BY place
""")
_SEQUENCE = text("SELECT pg_get_serial_sequence(:table, :column)")


@contextmanager
def bulk_load(url: str, *, restart: bool) -> Iterator[Connection]:
    """Yield a connection to empty tables that nobody else uses.

    The block is one transaction: an exception or a kill leaves the database as it was.

    Args:
        url: The database; missing tables are created.
        restart: Whether to terminate another bulk load, such as a server process whose client
            was killed.

    Raises:
        MaintenanceError: The database is another engine's, has rows, is in use, or refuses us.
    """
    if not url.startswith("postgresql"):
        raise MaintenanceError("TO is not postgresql://host/database.")
    try:
        with maintenance_engine(url, "TO").begin() as connection:
            set_locally(connection, _SETTINGS)
            _lock_out_others(connection, restart=restart)
            require_fit(PostgreSQLDialect(), connection)
            _make_empty_tables(connection)
            yield connection
            _set_sequences(connection)
            connection.exec_driver_sql(f"ANALYZE {', '.join(metadata.tables)}")
    except UnfitDatabaseError as error:
        raise MaintenanceError(f"The database, {server(url, 'TO')}: {error}.") from error
    except DBAPIError as error:
        raise MaintenanceError(f"The database, {server(url, 'TO')}: {error.orig}.") from error


@contextmanager
def without_keys(connection: Connection, report: Report) -> Iterator[None]:
    """Drop keys, indexes and references, and create them again at the end.

    Args:
        connection: In the transaction of the bulk load.
        report: Called with how many are created again.
    """
    keys = connection.execute(_KEYS, {"tables": list(metadata.tables)}).all()
    for _, drop, _ in keys:
        connection.exec_driver_sql(drop)
    yield
    for done, (_, _, make) in enumerate(reversed(keys)):
        report("make keys", done, len(keys))
        connection.exec_driver_sql(make)
    report("make keys", len(keys), len(keys))


def load(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Add rows with the columns that both engines have.

    The rows are frozen: nobody else sees them before the end, so their visibility needs no check,
    and vacuum need not write them anew.

    Raises:
        MaintenanceError: PostgreSQL refuses a row, which is not named: it may be secret.
    """
    columns = ", ".join(column.name for column in shared_columns(table))
    statement = f"COPY {table.name} ({columns}) FROM STDIN (FREEZE)"
    try:
        with driver_of(connection).cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise MaintenanceError(f"{table.name} cannot be copied: {error}.") from error


def _lock_out_others(connection: Connection, *, restart: bool) -> None:
    """Make other loads and migrations of this database wait until the end.

    Raises:
        MaintenanceError: Another one is running.
    """
    if restart:
        connection.execute(_TERMINATE_OTHERS)
    try:
        connection.execute(_LOCK)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCKED:
            raise
        raise MaintenanceError(
            "Somebody copies into this database or migrates it. If it is a copy that was "
            "interrupted, --restart terminates it on the server."
        ) from error


def _make_empty_tables(connection: Connection) -> None:
    """Create or upgrade the tables, and lock everybody else out.

    Raises:
        UnfitDatabaseError: The tables have rows, or belong to a later version.
    """
    found = current_revision(connection)
    if revision_status(found) is RevisionStatus.NEWER:
        wanted = newest_revision()
        raise UnfitDatabaseError(f"at revision {found}, later than {wanted}")
    upgrade_on(connection)
    tables = ", ".join(metadata.tables)
    # While the revision is locked, a service does not even seem ready.
    connection.exec_driver_sql(f"LOCK TABLE {VERSION_TABLE}, {tables}")
    for table in metadata.sorted_tables:
        if connection.execute(select(exists(select(table)))).scalar():
            raise UnfitDatabaseError(
                f"it has rows in {table.name}, and only an empty one is filled"
            )
    connection.exec_driver_sql(f"TRUNCATE {tables}")  # so that later rows can be frozen


def _set_sequences(connection: Connection) -> None:
    """Let sequences continue after the last row."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            names = {"table": table.name, "column": column.name}
            sequence = connection.execute(_SEQUENCE, names).scalar()
            if sequence:
                last = select(func.setval(cast(sequence, REGCLASS), func.max(column)))
                connection.execute(last)
