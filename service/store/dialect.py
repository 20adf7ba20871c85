"""The dialect of an engine: what shared statements need from it.

Each engine has one `Dialect` in its own room. `Database` attaches it to every connection: see
`dialect_of`. Code that is equal on all engines is not here, but in `repositories/`, `imports/`
and `jobs/`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import Connection, Select

from service.domain.model import Millis, State
from service.usecases.keys import JobKey, PoolKey
from service.usecases.ports.chunk import Part

if TYPE_CHECKING:
    from service.store.repositories.code_lists import Range

OPTION = "discount_dialect"
"""Execution option of every connection of a `Database`: its dialect."""


class DatabaseSession(NamedTuple):
    """A server session in which a worker sends codes of a job."""

    key: JobKey
    pid: int


class Dialect(Protocol):
    """Statements and rules of an engine."""

    single_writer: bool
    """Whether the engine has a single writer."""
    statistics: str | None
    """The statement that refreshes the planner's statistics of the codes, if there is one."""
    scan_codes: str
    """The statement that selects a campaign's codes after one, `:most` of them."""
    lock_rows: str
    """The clause that locks the codes of a select."""
    pool_sums: str
    """A common table expression `level`: `brand_id`, `campaign_id`, `available`, `taken` and
    `touched_at` of each campaign, at the moment `now`."""

    due_codes: str
    """The table of codes, read by the index of ends of reservations."""

    def why_unfit(self, connection: Connection) -> str | None:
        """Return why the service cannot use the database, whatever its tables, or `None`."""

    def is_full(self, error: BaseException) -> bool:
        """Return whether an error is the engine's own for a full disk."""

    def texts(self, parameter: str) -> str:
        """Return a table expression with a column `value` for a JSON array of texts."""

    def rows(self, parameter: str, **columns: str) -> str:
        """Return a subquery for a JSON array of arrays.

        Args:
            parameter: The name of the parameter.
            columns: The columns for the members of each array, in their order, with types.
        """

    def first_column(
        self, connection: Connection, statement: str, values: Mapping[str, Any]
    ) -> Sequence[str]:
        """Return the texts that a statement selects, quickly even if there are thousands."""

    def lock(self, connection: Connection, number: int) -> None:
        """Acquire the lock of a number until the commit."""

    def index_hint(self, index: str) -> str:
        """Return what to write after a table's name so that the planner uses an index."""

    def await_older_statements(self, connection: Connection) -> None:
        """Wait until all statements have ended that others began before, within their timeout.

        What is committed, but locked, has then been seen by all who may still write.
        """

    def adjust_counts(
        self, connection: Connection, pool: PoolKey, changes: Mapping[State, int], now: Millis
    ) -> None:
        """Add the changes of states to the tally of a campaign."""

    def insert_codes(
        self, connection: Connection, pool: PoolKey, codes: Sequence[str], now: Millis
    ) -> Sequence[str]:
        """Insert codes, which will be claimed in an order that reveals nothing about them.

        Returns:
            The codes that the brand did not have.
        """

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
        """Insert many codes in the fastest way, and return how many were new to the brand.

        With `shuffle`, they are claimed in another order than that of the list.
        """

    def codes_in(self, pool: PoolKey, of: "Range") -> Select[Any]:
        """Select a range of a campaign's codes, in the engine's order."""

    def codes_after(
        self, connection: Connection, listed: Select[Any], pool: PoolKey, code: str
    ) -> Select[Any] | None:
        """Restrict the select of `codes_in` to the codes after one; `None` if that one is gone."""

    def bulk_stage(self, connection: Connection, rows: Sequence[tuple[int, str, str, int]]) -> bool:
        """Insert rows of `import_row` in a fast way, all or none; `False` if that was not possible.

        Args:
            connection: In a transaction.
            rows: Brand, code, file and line of each.
        """

    def ignore_others(self, connection: Connection) -> None:
        """Reset what `others_active` reports."""

    def others_active(self, connection: Connection) -> bool:
        """Return whether others have written since the last check, or have just reserved."""

    def sending_sessions(self, connection: Connection) -> Mapping[DatabaseSession, Any]:
        """Return the sessions that wait for a worker's data, with a value that changes with it."""

    def end_session(self, connection: Connection, session: DatabaseSession) -> None:
        """End a session whose worker is dead."""


def dialect_of(connection: Connection) -> Dialect:
    """Return the dialect of a connection's database."""
    dialect: Dialect = connection.get_execution_options()[OPTION]
    return dialect
