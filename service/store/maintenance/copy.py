"""Copying an SQLite database to a PostgreSQL server, completely or not at all."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Connection, Table, func, select

from service.store.errors import MaintenanceError
from service.store.maintenance.checksums import shared_columns
from service.store.migrations.current import current_revision
from service.store.migrations.revisions import (
    RevisionStatus,
    newest_revision,
    revision_status,
    why_unfit,
)
from service.store.postgresql.bulk_load import Report, bulk_load, load, without_keys
from service.store.postgresql.checksums import checksum as checksum_of_copy
from service.store.sqlite.checksums import checksum
from service.store.sqlite.connections import driver_of
from service.store.sqlite.snapshot import file_of, open_file, snapshot
from service.store.tables import metadata

REPORT_EVERY = 10_000
"""Rows between two reports of progress."""


def copy(source: str, target: str, report: Report, *, restart: bool = False) -> int:
    """Copy all rows, compare them, and return their number.

    The target is one transaction: it has everything at the end, or is as it was.

    Args:
        source: The URL of an SQLite file, which must not be written meanwhile.
        target: The URL of a PostgreSQL database without rows.
        report: Called with the progress.
        restart: Whether to terminate an earlier copy that still runs.

    Raises:
        MaintenanceError: The copy failed, or the source was written; nothing was copied.
    """
    with _unwritten(source) as require_unwritten, snapshot(source) as old:
        _require_newest(old)
        with bulk_load(target, restart=restart) as new:
            with without_keys(new, report):
                for table in metadata.sorted_tables:
                    load(new, table, _rows(old, table, report))
            rows = sum(_compare(old, new, table, report) for table in metadata.sorted_tables)
            require_unwritten()
    return rows


def _require_newest(old: Connection) -> None:
    """Require the tables of the newest revision.

    Raises:
        MaintenanceError: The tables are of another revision.
    """
    found, wanted = current_revision(old), newest_revision()
    status = revision_status(found)
    if status is RevisionStatus.NEWER:
        raise MaintenanceError(
            f"The SQLite file is at revision {found}, newer than {wanted}, and may have data that "
            "this version does not know: copy it with the version that created its tables."
        )
    if status is not RevisionStatus.SAME:
        lacks = "" if found else "without tables: "
        raise MaintenanceError(f"The SQLite file is {lacks}{why_unfit(found)}.")


@contextmanager
def _unwritten(source: str) -> Iterator[Callable[[], None]]:
    """Yield a function that raises MaintenanceError if the source has been written.

    The copy would lack what was written after its beginning.
    """
    with closing(open_file(file_of(source))) as watcher:

        def version() -> object:
            return watcher.execute("PRAGMA data_version").fetchone()

        before = version()

        def require_unwritten() -> None:
            if version() != before:
                raise MaintenanceError(
                    "The SQLite file was written meanwhile, so nothing was copied: "
                    "stop every process of the service first."
                )

        yield require_unwritten


def _rows(old: Connection, table: Table, report: Report) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table in their physical order.

    Raises:
        MaintenanceError: A text is not valid.
    """
    total = old.execute(select(func.count()).select_from(table)).scalar_one()
    driver = driver_of(old)
    driver.text_factory = str  # quicker than the snapshot's own, which takes any bytes for a text
    statement = select(*shared_columns(table))
    try:
        for done, row in enumerate(driver.execute(str(statement.compile(dialect=old.dialect)))):
            if not done % REPORT_EVERY:
                report(f"copy {table.name}", done, total)
            yield row
    except sqlite3.Error as error:  # it may quote the text
        raise MaintenanceError(f"{table.name} cannot be read; run verify on the file.") from error
    report(f"copy {table.name}", total, total)


def _compare(old: Connection, new: Connection, table: Table, report: Report) -> int:
    """Compare a table with its copy, and return the number of rows.

    Raises:
        MaintenanceError: They differ.
    """
    ours = checksum(old, table)
    report(f"compare {table.name}", 0, ours.rows)
    theirs = checksum_of_copy(new, table)
    if ours != theirs:
        raise MaintenanceError(f"The copy of {table.name} differs, so nothing was copied.")
    report(f"compare {table.name}", ours.rows, ours.rows)
    return ours.rows
