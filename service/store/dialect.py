"""What each engine does in its own way, as shared statements ask for it.

An engine brings one `Dialect`, in its own room. `Database` gives it to every connection, so that
whoever has a connection has the dialect: see `dialect_of`. What is equal on all engines is not
here, but in `repositories/`, `imports/` and `jobs/`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Select

from service.domain.model import Millis, State
from service.usecases.keys import JobKey, PoolKey
from service.usecases.ports.chunk import Part

OPTION = "discount_dialect"
"""Execution option of every connection of a `Database`: its dialect."""


class DatabaseSession(NamedTuple):
    """A session of a server in which a worker sends codes of a job."""

    key: JobKey
    pid: int


class Dialect(Protocol):
    """The statements and rules of one engine."""

    single_writer: bool
    """Whether only one can write at a time."""
    statistics: str | None
    """The statement that gives the planner fresh statistics of the codes, where it needs them."""
    pool_sums: str
    """A common table expression `level`: `brand_id`, `campaign_id`, `available`, `taken` and
    `touched_at` of each campaign."""

    def is_full(self, error: BaseException) -> bool:
        """Say whether an error is the engine's own for a full disk."""

    def texts(self, parameter: str) -> str:
        """Write a table with a column `value` of a parameter that is a JSON array of texts."""

    def rows(self, parameter: str, **columns: str) -> str:
        """Write a subquery of a parameter that is a JSON array of arrays.

        Args:
            parameter: Its name.
            columns: The names of the members of each array, in their order, and their types.
        """

    def first_column(
        self, connection: Connection, statement: str, values: Mapping[str, Any]
    ) -> Sequence[str]:
        """Return the texts that a statement selects, of which there may be thousands."""

    def lock(self, connection: Connection, number: int) -> None:
        """Wait for all others who hold the lock of a number, and hold it until the commit."""

    def adjust_counts(
        self, connection: Connection, pool: PoolKey, changes: Mapping[State, int], now: Millis
    ) -> None:
        """Add to the tally of a campaign how many codes a state has gained or lost."""

    def insert_codes(
        self, connection: Connection, pool: PoolKey, codes: Sequence[str], now: Millis
    ) -> Sequence[str]:
        """Insert codes, to be claimed in an order that tells nothing of them.

        Returns:
            Those that the brand did not have.
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
        """Insert many codes in the fastest way, and return how many the brand did not have.

        With `shuffle`, they are claimed in another order than they come in.
        """

    def codes_in(self, pool: PoolKey, state: State | None) -> Select[Any]:
        """Select a campaign's codes, those in `state` (`None`: all), in the engine's order."""

    def codes_after(
        self, connection: Connection, listed: Select[Any], pool: PoolKey, code: str
    ) -> Select[Any] | None:
        """Let what `codes_in` selects begin behind a code; `None` if it is not there any more."""

    def bulk_stage(self, connection: Connection, rows: Sequence[tuple[int, str, str, int]]) -> bool:
        """Insert rows of `import_row` in the fastest way, all or none; `False`: it has no such way.

        Args:
            connection: In a transaction.
            rows: Brand, code, file and line of each.
        """

    def ignore_others(self, connection: Connection) -> None:
        """Let `others_active` speak only of what follows."""

    def others_active(self, connection: Connection) -> bool:
        """Return whether others have written since the last look, or reserved just now."""

    def sending_sessions(self, connection: Connection) -> Mapping[DatabaseSession, Any]:
        """Return the sessions whose worker is to send more, each with what changes if it does."""

    def end_session(self, connection: Connection, session: DatabaseSession) -> None:
        """End a session whose worker is dead."""


def dialect_of(connection: Connection) -> Dialect:
    """Return the dialect of a connection's database."""
    dialect: Dialect = connection.get_execution_options()[OPTION]
    return dialect
