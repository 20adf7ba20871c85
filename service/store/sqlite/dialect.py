"""The dialect of SQLite: a single writer, and codes in the order of their rows."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Select, column, text, update

from service.domain.codes import shuffled
from service.domain.model import Millis, State
from service.store.dialect import DatabaseSession
from service.store.repositories.code_lists import CodeIndex, Range, select_codes
from service.store.repositories.pools import ENDED, TAKEN, begin_tally
from service.store.tables import tally
from service.usecases.keys import PoolKey
from service.usecases.ports.chunk import Part

# The index is named, and its condition is explicit, because the planner would otherwise scan
# another one over all codes in another state.
_INDEXES = {
    CodeIndex.ALL: "code_of_campaign",
    CodeIndex.FREE: "code_free",
    CodeIndex.TAKEN: "code_taken",
    CodeIndex.DUE: "code_due",
}
_PLACE = text("SELECT rowid FROM code WHERE brand_id = :brand_id AND code = :code")
# One statement: to bind each row takes three times as long as to store it.
_INSERT = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at)
    SELECT :brand_id, :campaign_id, value, 'available', :now FROM json_each(:codes) WHERE TRUE
    ON CONFLICT DO NOTHING
""")
_LAST = text("""
    SELECT code FROM (SELECT rowid AS place, code FROM code ORDER BY rowid DESC LIMIT :count)
    ORDER BY place
""")
_PRIMARY = 0xFF
"""The part of an error code that all its extended codes share."""


class SQLiteDialect:
    """Implements `service.store.dialect.Dialect`, which documents the members."""

    single_writer = True
    statistics: str | None = None
    scan_codes = """
        SELECT code FROM code INDEXED BY code_of_campaign
        WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND rowid > coalesce(
            (SELECT rowid FROM code WHERE brand_id = :brand_id AND code = :after), 0
        ) ORDER BY rowid LIMIT :most
    """
    lock_rows = ""
    # A campaign has one row, so no sums are stored while the kinds of levels are selected.
    pool_sums = f"""level AS (
        SELECT brand_id, campaign_id, iif({ENDED}, 0, available) AS available,
            {TAKEN} + iif({ENDED}, available, 0) AS taken, touched_at FROM tally
    )"""  # noqa: S608 - constants

    due_codes = "code INDEXED BY code_due"

    def why_unfit(self, connection: Connection) -> str | None:
        """Return `None`: every encoding of SQLite has every character."""
        return None

    def is_full(self, error: BaseException) -> bool:
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and code & _PRIMARY == sqlite3.SQLITE_FULL

    def texts(self, parameter: str) -> str:
        return f"json_each(:{parameter})"

    def rows(self, parameter: str, **columns: str) -> str:
        members = ", ".join(
            f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns)
        )
        return f"(SELECT {members} FROM json_each(:{parameter}))"  # noqa: S608 - constants

    def first_column(
        self, connection: Connection, statement: str, values: Mapping[str, Any]
    ) -> Sequence[str]:
        return connection.execute(text(statement), values).scalars().all()

    def lock(self, connection: Connection, number: int) -> None:
        """Do nothing: a writer has the lock of the database."""

    def index_hint(self, index: str) -> str:
        """Name the index: without statistics, the planner underrates partial ones."""
        return f"INDEXED BY {index}"

    def await_older_statements(self, connection: Connection) -> None:
        """Do nothing: nobody else writes."""

    def adjust_counts(
        self, connection: Connection, pool: PoolKey, changes: Mapping[State, int], now: Millis
    ) -> None:
        own = (tally.c.brand_id == pool.brand_id) & (tally.c.campaign_id == pool.campaign_id)
        changed: dict[str, Any] = {
            state: tally.c[state] + change for state, change in changes.items()
        }
        changed["touched_at"] = now
        if not connection.execute(update(tally).where(own).values(changed)).rowcount:
            begin_tally(connection, pool, changes, now)

    def insert_codes(
        self, connection: Connection, pool: PoolKey, codes: Sequence[str], now: Millis
    ) -> Sequence[str]:
        """Insert codes in random order, as they are claimed in the order of insertion.

        Otherwise two codes would reveal the range of those that were claimed in between.
        """
        mixed = shuffled(codes)
        added = _insert(connection, pool, mixed, now)
        if added == len(mixed):
            return mixed
        return connection.execute(_LAST, {"count": added}).scalars().all()  # nobody else writes

    def load_codes(
        self,
        connection: Connection,
        pool: PoolKey,
        _part: Part,
        codes: Sequence[str],
        now: Millis,
        *,
        shuffle: bool,
    ) -> int:
        return _insert(connection, pool, shuffled(codes) if shuffle else codes, now)

    def codes_in(self, pool: PoolKey, of: Range) -> Select[Any]:
        """Select codes in the order of their creation."""
        return select_codes(pool, of, f"code INDEXED BY {_INDEXES[of.source]}", "rowid")

    def codes_after(
        self, connection: Connection, listed: Select[Any], pool: PoolKey, code: str
    ) -> Select[Any] | None:
        """Find the row of a code, which may be missing after a restore."""
        values = {"brand_id": pool.brand_id, "code": code}
        place: int | None = connection.execute(_PLACE, values).scalar()
        return None if place is None else listed.where(column("rowid") > place)

    def bulk_stage(
        self, _connection: Connection, _rows: Sequence[tuple[int, str, str, int]]
    ) -> bool:
        return False

    def ignore_others(self, connection: Connection) -> None:
        self.others_active(connection)

    def others_active(self, connection: Connection) -> bool:
        """Return whether others have written since the last check of this connection."""
        version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        seen = connection.info.get("data_version", version)
        connection.info["data_version"] = version
        return bool(seen != version)

    def sending_sessions(self, _connection: Connection) -> Mapping[DatabaseSession, Any]:
        return {}

    def end_session(self, connection: Connection, session: DatabaseSession) -> None:
        """Do nothing: there are no server sessions."""


def _insert(connection: Connection, pool: PoolKey, codes: Sequence[str], now: Millis) -> int:
    """Insert codes, and return how many the brand did not have: the table's last rows."""
    values = {**pool._asdict(), "now": now, "codes": orjson.dumps(codes).decode()}
    return connection.execute(_INSERT, values).rowcount
