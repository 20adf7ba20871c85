"""Purging: incremental deletion of old data of all brands.

Old rows are found brand by brand, with existing keys: an index by age would cost every call that
writes a row.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, bindparam, text

from service.domain.model import Millis
from service.store.database import Database
from service.store.imports.files import SQLImports
from service.usecases.idempotency import KEPT_MS

BRANDS_AT_ONCE = 500
"""Brands in which one step searches."""
KEYS_AT_ONCE = 500
JOBS_AT_ONCE = 100
LINES_AT_ONCE = 4000
"""Most rows that one step deletes: lines of reports are short."""
ROUND_INTERVAL_S = 60.0
"""Seconds between two rounds over all brands."""

# A walk over the brands of a table: each is one look at an index, however many rows it has.
_BRANDS = """
    WITH RECURSIVE walk (id, number) AS (
        SELECT min(brand_id), 1 FROM {table} WHERE brand_id > :after
        UNION ALL
        SELECT (SELECT min(brand_id) FROM {table} WHERE brand_id > walk.id), number + 1
        FROM walk WHERE walk.id IS NOT NULL AND number < :most
    )
    SELECT id, EXISTS (SELECT 1 FROM {table} WHERE brand_id = walk.id AND {old}) AS has_old
    FROM walk WHERE id IS NOT NULL
"""
_OLD_KEY = "created_at <= :until"
# The id of a job begins with the time of its request.
_OLD_JOB = """id < :id_until AND finished_at <= :until AND NOT EXISTS (
    SELECT 1 FROM import_file
    WHERE import_file.job_brand_id = job.brand_id AND import_file.job_id = job.id
)"""
_SOME = "SELECT brand_id, {column} FROM {table} WHERE brand_id IN :brands AND {old} LIMIT :most"
# Since it was found, a key may have been used again.
_FORGET_KEY = text("""
    DELETE FROM idempotency WHERE brand_id = :brand_id AND key = :row AND created_at <= :until
""")
_LAST_LINE = text("""
    SELECT max(line) FROM (
        SELECT line FROM import_refusal WHERE brand_id = :brand_id AND job_id = :row
        ORDER BY line LIMIT :most
    ) AS first_lines
""")
_DROP_LINES = text("""
    DELETE FROM import_refusal WHERE brand_id = :brand_id AND job_id = :row AND line <= :last
""")
# Another worker may be deleting the same report.
_DROP_JOB = text("""
    DELETE FROM job WHERE brand_id = :brand_id AND id = :row AND NOT EXISTS (
        SELECT 1 FROM import_refusal WHERE brand_id = :brand_id AND job_id = :row
    )
""")


class _Walk(NamedTuple):
    """The statements that find old rows of a table."""

    brands: TextClause
    some: TextClause


def _walk(table: str, column: str, old: str) -> _Walk:
    some = text(_SOME.format(table=table, column=column, old=old))
    return _Walk(
        text(_BRANDS.format(table=table, old=old)),
        some.bindparams(bindparam("brands", expanding=True)),
    )


class OldRows:
    """A search for old rows, brand by brand, in rounds."""

    def __init__(self, database: Database, table: str, column: str, old: str) -> None:
        self._database = database
        self._walk = _walk(table, column, old)
        self._after = self._walked_to = 0
        self._rest_until = 0.0

    def next(self, until: Millis, most: int) -> Sequence[dict[str, Any]] | None:
        """Return a few rows as `brand_id` and `row`; `None` at the end of a round."""
        if time.monotonic() < self._rest_until:
            return None
        values = {"until": until, "id_until": f"{until:012x}"}
        with self._database.read() as connection:
            walked = connection.execute(
                self._walk.brands, {**values, "after": self._after, "most": BRANDS_AT_ONCE}
            ).all()
            brands = [brand_id for brand_id, has_old in walked if has_old]
            self._walked_to = walked[-1][0] if len(walked) == BRANDS_AT_ONCE else 0
            return self._some(connection, brands, {**values, "most": most}) if brands else []

    def advance(self) -> None:
        """Advance past the brands without old rows."""
        self._after = self._walked_to
        if not self._after:
            self._rest_until = time.monotonic() + ROUND_INTERVAL_S

    def _some(
        self, connection: Connection, brands: Sequence[int], values: dict[str, Any]
    ) -> Sequence[dict[str, Any]]:
        found = connection.execute(self._walk.some, {**values, "brands": brands})
        return [{"brand_id": brand_id, "row": row} for brand_id, row in found]


class Purge:
    """Purging of import files, old idempotency keys, and old jobs with their reports.

    Args:
        database: The database.
        job_kept_ms: Retention of jobs after their end.
    """

    def __init__(self, database: Database, job_kept_ms: Millis) -> None:
        self._database = database
        self._job_kept_ms = job_kept_ms
        self._imports = SQLImports(database)
        self._keys = OldRows(database, "idempotency", "key", _OLD_KEY)
        self._jobs = OldRows(database, "job", "id", _OLD_JOB)

    def step(self, now: Millis) -> bool:
        """Delete some rows of each kind; return whether there may be more.

        Raises:
            Unavailable: The database cannot be written.
        """
        # All three, so that none waits for the end of another.
        more = [self._imports.purge(now), self._purge_keys(now), self._purge_jobs(now)]
        return any(more)

    def _purge_keys(self, now: Millis) -> bool:
        until = now - KEPT_MS
        rows = self._keys.next(until, KEYS_AT_ONCE)
        if rows:
            with self._database.transaction() as connection:
                connection.execute(_FORGET_KEY, [{**row, "until": until} for row in rows])
        if rows is not None and len(rows) < KEYS_AT_ONCE:
            self._keys.advance()
        return rows is not None

    def _purge_jobs(self, now: Millis) -> bool:
        rows = self._jobs.next(now - self._job_kept_ms, JOBS_AT_ONCE)
        dropped = 0
        if rows:
            with self._database.transaction() as connection:
                dropped = _drop_jobs(connection, rows)
        if rows is not None and len(rows) == dropped < JOBS_AT_ONCE:
            self._jobs.advance()
        return rows is not None


def _drop_jobs(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Delete jobs, each after its report, and return their number."""
    lines = LINES_AT_ONCE
    for dropped, row in enumerate(rows):
        lines -= _drop_lines(connection, row, lines)
        if lines <= 0:
            return dropped
        if not connection.execute(_DROP_JOB, row).rowcount:
            return dropped
    return len(rows)


def _drop_lines(connection: Connection, row: dict[str, Any], most: int) -> int:
    """Delete the first lines of a report, and return their number."""
    last = connection.execute(_LAST_LINE, {**row, "most": most}).scalar()
    if last is None:
        return 0
    return connection.execute(_DROP_LINES, {**row, "last": last}).rowcount
