"""Files of imports and the reports of what was refused, as the use cases see them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, select

from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.model import Millis
from service.domain.names import DEFAULT_CAMPAIGN
from service.domain.refusals import Refusal
from service.store.database import Database
from service.store.importing import staging
from service.store.jobs import require_job
from service.store.pools import find_pool
from service.store.tables import import_refusal
from service.usecases.exports import ROWS_AT_ONCE
from service.usecases.imports import FileKey

NO_BRAND = 0
"""Stands for a brand that is not there yet."""


class SQLImports:
    """Implements `service.usecases.imports.Imports`, which documents the methods."""

    def __init__(self, database: Database) -> None:
        """Keep everything in `database`."""
        self._database = database
        self._scanned: dict[str, str] = {}
        """How far the rows of the brand of a dead file were looked at."""

    def begin(self, brand: str, campaign: str, now: Millis) -> FileKey:
        with self._database.read() as connection:
            brand_id = _brand_of(connection, brand, campaign)
        return self._database.write(lambda connection: staging.begin(connection, brand_id, now))

    def keep(self, file: FileKey, first: int, blocks: Sequence[bytes]) -> None:
        self._database.write(lambda connection: staging.keep(connection, file, first, blocks))

    def drop(self, file: FileKey) -> None:
        self._database.write(lambda connection: staging.orphan(connection, file))

    def purge(self, now: Millis) -> bool:
        with self._database.read() as connection:
            dead = staging.some_dead(connection, now)
            if dead is None:
                return False
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
            require_job(connection, pool, job_id)
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
