"""Exports: one long read of a snapshot, with one part in memory at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.domain.model import State
from service.store.database import Database
from service.store.repositories import pools
from service.usecases.ports.exports import ROWS_AT_ONCE, Export


class SQLExports:
    """Implements `service.usecases.ports.exports.Exports`, which documents the methods."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    @contextmanager
    def codes(self, brand: str, campaign: str, state: State | None) -> Iterator[Export]:
        """Yield a campaign's codes."""
        with self._database.snapshot() as connection:
            counts = pools.campaign_with_counts(connection, brand, campaign).counts
            pool = pools.find_pool(connection, brand, campaign)
            # A cursor on the server, or SQLite's own; neither gathers the rows.
            rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(
                self._database.dialect.codes_in(pool, state)
            )
            with rows:
                count = counts[state] if state else sum(counts.values())
                yield Export(count, rows.partitions())
