"""Exports: one long read of a snapshot, with one part in memory at a time."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

from sqlalchemy import Result

from service.domain.model import CodeRow, Millis, State
from service.store.database import Database
from service.store.repositories import pools
from service.store.repositories.code_lists import code_list, merged
from service.usecases.ports.exports import ROWS_AT_ONCE, Export


class SQLExports:
    """Implements `service.usecases.ports.exports.Exports`, which documents the methods."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    @contextmanager
    def codes(
        self, brand: str, campaign: str, state: State | None, now: Millis
    ) -> Iterator[Export]:
        """Yield a campaign's codes."""
        with self._database.snapshot() as connection, ExitStack() as stack:
            counts = pools.campaign_with_counts(connection, brand, campaign).counts_at(now)
            listed = code_list(connection, pools.find_pool(connection, brand, campaign), state, now)
            # Cursors on the server, or SQLite's own; neither gathers the rows.
            reading = connection.execution_options(yield_per=ROWS_AT_ONCE)
            ranges = [
                stack.enter_context(reading.execute(each, listed.values))
                for each in listed.select(connection)
            ]
            count = counts[state] if state else sum(counts.values())
            yield Export(count, _parts(ranges))


def _parts(ranges: Sequence[Result[Any]]) -> Iterator[Sequence[CodeRow]]:
    if len(ranges) == 1:
        return ranges[0].partitions()
    rows = merged([iter(each) for each in ranges])
    return iter(lambda: list(islice(rows, ROWS_AT_ONCE)), [])
