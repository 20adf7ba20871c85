"""Files of imports and the reports of what was refused, as the use cases see them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select

from service.domain.errors import BrandNotFound, CampaignNotFound, ImportBudgetExceeded
from service.domain.model import Millis
from service.domain.names import DEFAULT_CAMPAIGN
from service.formats.refusals import Refusal
from service.store.database import Database
from service.store.imports import budgets, staging
from service.store.imports.budgets import Budgets
from service.store.jobs.rows import count_open, find_job
from service.store.repositories import idempotency
from service.store.repositories.pools import find_pool
from service.store.space import growing
from service.store.tables import import_refusal
from service.usecases.exports import ROWS_AT_ONCE
from service.usecases.jobs import require_place
from service.usecases.keys import FileKey
from service.usecases.ports import system_clock

NO_BRAND = 0
"""Stands for a brand that is not there yet."""
DROP_WITHIN_S = 1.0
"""How long the caller of a refused list waits while it is deleted; workers purge the rest."""
MAKE_ROOM_WITHIN_S = 0.5
"""How long a caller waits while room is made for its list."""
Result = TypeVar("Result")


class SQLImports:
    """Implements `service.usecases.imports.Imports`, which documents the methods."""

    def __init__(self, database: Database, budgets: Budgets | None = None) -> None:
        """Keep everything in `database`, within `budgets` if there are any."""
        self._database = database
        self._budgets = budgets
        self._scanned: dict[str, str] = {}
        """How far the rows of the brand of a dead file were looked at."""

    def is_answered(self, key: bytes, now: Millis) -> bool:
        with self._database.read() as connection:
            return idempotency.is_known(connection, key, now)

    def begin(self, brand: str, campaign: str, now: Millis, announced: int = 0) -> FileKey:
        def make(connection: Connection) -> FileKey:
            self._lock(connection)
            brand_id = self._look(connection, brand, campaign, announced)
            return staging.begin(connection, brand_id, now, brand=brand, size=announced)

        # Whoever is refused anyway must not keep writers waiting.
        self._with_room(lambda: self._look_only(brand, campaign, announced), now)
        with growing():
            return self._with_room(lambda: self._database.write(make), now)

    def keep(self, file: FileKey, first: int, blocks: Sequence[bytes], more: int = 0) -> None:
        def add(connection: Connection) -> None:
            if more and self._budgets:
                self._lock(connection)
                brand = staging.brand_of(connection, file)
                budgets.require(connection, self._budgets, brand, more)
            staging.grow(connection, file, system_clock(), more)
            staging.keep(connection, file, first, blocks)

        self._database.reserve.forget()
        self._database.reserve.require()
        with growing():
            self._database.write(add)

    def drop(self, file: FileKey) -> None:
        self._database.write(lambda connection: staging.orphan(connection, file))
        until = time.monotonic() + DROP_WITHIN_S
        while time.monotonic() < until:
            with self._database.read() as connection:
                dead = staging.dead(connection, file)
            if dead is None or not self._purge(dead):
                return

    def _look_only(self, brand: str, campaign: str, announced: int) -> None:
        with self._database.read() as connection:
            self._look(connection, brand, campaign, announced)

    def _look(self, connection: Connection, brand: str, campaign: str, announced: int) -> int:
        """Refuse a list of which nothing has been read yet, or return the key of its brand."""
        brand_id = _brand_of(connection, brand, campaign)
        require_place(count_open(connection, brand_id))
        self._database.reserve.require(announced)
        if self._budgets:
            budgets.require(connection, self._budgets, brand, announced)
        return brand_id

    def _lock(self, connection: Connection) -> None:
        if self._budgets:
            budgets.lock(connection)

    def _with_room(self, act: Callable[[], Result], now: Millis) -> Result:
        """Do something; where a budget is used up, purge a little before it is refused."""
        until = time.monotonic() + MAKE_ROOM_WITHIN_S
        while True:
            try:
                return act()
            except ImportBudgetExceeded:
                if time.monotonic() >= until or not self.purge(now):
                    raise

    def purge(self, now: Millis) -> bool:
        with self._database.read() as connection:
            dead = staging.some_dead(connection, now)
        return dead is not None and self._purge(dead)

    def _purge(self, dead: Row[Any]) -> bool:
        """Delete a little of a file that no open job needs; say whether anything was."""
        with self._database.read() as connection:
            found = staging.scan(connection, dead, self._scanned.get(dead.id, ""))
        if found is None or found.codes or found.last is None:
            with self._database.transaction() as connection:
                if not staging.purge(connection, dead, found):
                    return False
        # Only now: what was not deleted is looked for again.
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


def _brand_of(connection: Connection, brand: str, campaign: str) -> int:
    """Return the key of the brand of a campaign.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign, nor is one to be made.
    """
    try:
        return find_pool(connection, brand, campaign).brand_id
    except (BrandNotFound, CampaignNotFound):
        if campaign != DEFAULT_CAMPAIGN:
            raise
        return NO_BRAND
