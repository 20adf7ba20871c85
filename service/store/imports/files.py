"""Files of imports, and reports of refused lines."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row, select

from service.domain.model import Millis
from service.formats.refusals import Refusal
from service.store.database import Database, Result
from service.store.imports import staging
from service.store.jobs.rows import find_job
from service.store.repositories import stored_answers
from service.store.repositories.pools import find_pool
from service.store.tables import import_refusal
from service.store.transaction import SQLWrites
from service.usecases.import_files import ORPHANED_AFTER_MS
from service.usecases.keys import FileKey
from service.usecases.ports.exports import ROWS_AT_ONCE
from service.usecases.ports.imports import Budgets
from service.usecases.ports.transaction import Transaction


class SQLImports(SQLWrites):
    """Implements `service.usecases.ports.imports.Imports`, which documents the methods."""

    def __init__(self, database: Database, budgets: Budgets | None = None) -> None:
        """Use `database`, with `budgets` if there are any."""
        super().__init__(database)
        self.budgets = budgets
        self._scanned: dict[str, str] = {}
        """The progress of scans for rows of dead files."""

    def is_answered(self, key: bytes, now: Millis) -> bool:
        with self._database.read() as connection:
            return stored_answers.is_known(connection, key, now)

    def read(self, work: Callable[[Transaction], Result], now: Millis) -> Result:
        with self._database.read() as connection:
            return work(self._transaction(connection, now))

    def require_fresh_space(self) -> None:
        self._database.reserve.forget()
        self._database.reserve.require()

    def drop(self, file: FileKey, within_s: float) -> None:
        self._database.write(lambda connection: staging.orphan(connection, file))
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            with self._database.read() as connection:
                dead = staging.dead(connection, file)
            if dead is None or not self._purge(dead):
                return

    def purge(self, now: Millis) -> bool:
        with self._database.read() as connection:
            dead = staging.some_dead(connection, now - ORPHANED_AFTER_MS)
        return dead is not None and self._purge(dead)

    def _purge(self, dead: Row[Any]) -> bool:
        """Delete a part of a file that no open job needs; return whether there was anything."""
        with self._database.read() as connection:
            found = staging.scan(connection, dead, self._scanned.get(dead.id, ""))
        if found is None or found.codes or found.last is None:
            with self._database.transaction() as connection:
                if not staging.purge(connection, dead, found):
                    return False
        # Only now: a failed deletion is retried.
        self._scanned = {dead.id: found.last} if found and found.last else {}
        return True

    @contextmanager
    def refusals(
        self, brand: str, campaign: str, job_id: str
    ) -> Iterator[Iterator[Sequence[Refusal]]]:
        with self._database.snapshot() as connection:
            pool = find_pool(connection, brand, campaign)
            find_job(connection, pool, job_id)
            statement = (
                select(import_refusal.c.line, import_refusal.c.reason)
                .where(
                    import_refusal.c.brand_id == pool.brand_id, import_refusal.c.job_id == job_id
                )
                .order_by(import_refusal.c.line)
            )
            with connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement) as rows:
                yield ([Refusal(*row) for row in part] for part in rows.partitions())
