"""The dialect of PostgreSQL: many writers, and claims at random probes."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, Select, column, text

from service.domain.model import Millis, State
from service.store.dialect import DatabaseSession
from service.store.postgresql import loading
from service.store.postgresql.connection import STATEMENT_S
from service.store.postgresql.driver import driver_of
from service.store.repositories.code_lists import Range, select_codes
from service.store.repositories.pools import ENDED, TAKEN, begin_tally, total
from service.usecases.keys import JobKey, PoolKey
from service.usecases.ports.chunk import Part

RESERVE_BEGINS = "WITH pool AS MATERIALIZED ("
"""The beginning of a reservation's statement, which identifies sessions that reserve."""
RESERVING_S = 1.0
"""How long a session that has reserved is considered active."""
_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")
# https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
# A time in the future is from before the server's clock was set back.
_RESERVING = text("""
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND starts_with(query, :reserve)
        AND (
            state = 'active' OR state_change
            BETWEEN clock_timestamp() - :seconds * interval '1 s' AND clock_timestamp()
        )
    )
""")
# No timeout of PostgreSQL applies while it waits for the rest of a COPY: a worker that was stopped
# meanwhile would keep its job locked as long as its machine answers.
_SENDING = text("""
    SELECT brand_id, id, pid, state_change::text
    FROM job JOIN pg_locks ON transactionid = job.xmax AND locktype = 'transactionid' AND granted
    JOIN pg_stat_activity USING (pid)
    WHERE finished_at IS NULL AND lease IS NOT NULL
    AND application_name = 'discount' AND usename = current_user
    AND pg_stat_activity.state = 'active' AND wait_event = 'ClientRead'
""")
_MOMENT = text("SELECT clock_timestamp()")
_LOOK_AGAIN = text("SELECT pg_stat_clear_snapshot()")
# Only these may claim a code: jobs and exports have long statements, which need not end first.
_OLDER = text(r"""
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name = 'discount' AND state = 'active' AND query_start < :moment
        AND query ~* '^\s*(with|update)\M'
        AND pg_backend_pid() <> ALL (pg_blocking_pids(pid))
    )
""")
OLDER_POLL_S = 0.002
"""The interval between two looks at the sessions of others."""
_TERMINATE = text("SELECT pg_terminate_backend(:pid)")
_DISK_FULL = "53100"
"""SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class PostgreSQLDialect:
    """Implements `service.store.dialect.Dialect`, which documents the members."""

    single_writer = False
    statistics: str | None = "ANALYZE code"
    scan_codes = """
        SELECT code FROM code
        WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND code > :after
        ORDER BY code LIMIT :most
    """
    lock_rows = "FOR UPDATE OF code"
    pool_sums = f"""level AS MATERIALIZED (
        SELECT brand_id, campaign_id, CASE WHEN {ENDED} THEN 0 ELSE available END AS available,
            taken + CASE WHEN {ENDED} THEN available ELSE 0 END AS taken, touched_at
        FROM (
            SELECT brand_id, campaign_id, {total("available", "available")},
                {total(TAKEN, "taken")}, max(touched_at) AS touched_at
            FROM tally GROUP BY brand_id, campaign_id
        ) AS tally
    )"""  # noqa: S608 - constants

    due_codes = "code"

    def why_unfit(self, connection: Connection) -> str | None:
        """Require an encoding of all characters; the driver knows it without a query."""
        encoding = driver_of(connection).info.parameter_status("server_encoding")
        return None if encoding == "UTF8" else f"the encoding is {encoding}, and names need UTF8"

    def is_full(self, error: BaseException) -> bool:
        return getattr(error, "sqlstate", None) == _DISK_FULL

    def texts(self, parameter: str) -> str:
        return f"json_array_elements_text(CAST(:{parameter} AS json))"

    def any_of(self, parameter: str) -> str:
        """Return a comparison with an array: a join would read the whole table at times."""
        return f"= ANY(ARRAY(SELECT {self.texts(parameter)}))"

    def rows(self, parameter: str, **columns: str) -> str:
        members = ", ".join(
            f"CAST(value ->> {place} AS {kind}) AS {name}"
            for place, (name, kind) in enumerate(columns.items())
        )
        return f"(SELECT {members} FROM json_array_elements(CAST(:{parameter} AS json)))"  # noqa: S608 - constants

    def first_column(
        self, connection: Connection, statement: str, values: Mapping[str, Any]
    ) -> Sequence[str]:
        """Read one array, which is much faster than a thousand rows."""
        return list(connection.execute(text(f"SELECT ARRAY({statement})"), values).scalar_one())

    def lock(self, connection: Connection, number: int) -> None:
        connection.execute(_LOCK, {"lock": number})

    def index_hint(self, index: str) -> str:
        """Return nothing: PostgreSQL has no such hints, and needs none."""
        return ""

    def await_older_statements(self, connection: Connection) -> None:
        """Wait as CREATE INDEX CONCURRENTLY does, but not for those who wait for this session."""
        moment = connection.execute(_MOMENT).scalar_one()
        deadline = time.monotonic() + STATEMENT_S
        while time.monotonic() < deadline:
            connection.execute(_LOOK_AGAIN)  # otherwise a transaction sees sessions as at first
            if not connection.execute(_OLDER, {"moment": moment}).scalar_one():
                return
            time.sleep(OLDER_POLL_S)

    def adjust_counts(
        self, connection: Connection, pool: PoolKey, changes: Mapping[State, int], now: Millis
    ) -> None:
        """Insert a row for every change: writers of one row would wait for each other."""
        begin_tally(connection, pool, changes, now)

    def insert_codes(
        self, connection: Connection, pool: PoolKey, codes: Sequence[str], now: Millis
    ) -> Sequence[str]:
        return loading.insert_codes(connection, pool, codes, now)

    def load_codes(
        self,
        connection: Connection,
        pool: PoolKey,
        part: Part,
        codes: Sequence[str],
        now: Millis,
        *,
        shuffle: bool,
    ) -> int:
        return loading.load_codes(connection, pool, part, codes, now, shuffle=shuffle)

    def codes_in(self, pool: PoolKey, of: Range) -> Select[Any]:
        """Select codes in their alphabetical order."""
        return select_codes(pool, of, "code", "code")

    def codes_after(
        self, _connection: Connection, listed: Select[Any], _pool: PoolKey, code: str
    ) -> Select[Any] | None:
        return listed.where(column("code") > code)

    def bulk_stage(self, connection: Connection, rows: Sequence[tuple[int, str, str, int]]) -> bool:
        lines = "".join(
            f"{brand_id}\t{code}\t{file}\t{line}\n" for brand_id, code, file, line in rows
        )
        try:
            with (
                connection.begin_nested(),
                driver_of(connection).cursor() as cursor,
                cursor.copy("COPY import_row (brand_id, code, file, line) FROM STDIN") as copy,
            ):
                copy.write(lines)
        except UniqueViolation:  # by an import that is running, or has stopped
            return False
        return True

    def ignore_others(self, connection: Connection) -> None:
        """Do nothing: the server shows current activity."""

    def others_active(self, connection: Connection) -> bool:
        """Return whether a session reserves, or has just done so as its last statement."""
        just_now = {"reserve": RESERVE_BEGINS, "seconds": RESERVING_S}
        return bool(connection.execute(_RESERVING, just_now).scalar_one())

    def sending_sessions(self, connection: Connection) -> Mapping[DatabaseSession, Any]:
        rows = connection.execute(_SENDING)
        return {DatabaseSession(JobKey(*row[:2]), row[2]): row[3] for row in rows}

    def end_session(self, connection: Connection, session: DatabaseSession) -> None:
        connection.execute(_TERMINATE, {"pid": session.pid})
