"""The store as the use cases see it: each method is one read or one transaction."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from service.domain.errors import NoCodesLeft
from service.domain.model import (
    AnswerKind,
    Brand,
    Campaign,
    Code,
    Counts,
    Idempotency,
    Millis,
    Page,
    Reservation,
    State,
)
from service.domain.names import DEFAULT_CAMPAIGN
from service.store.database import Database
from service.store.imports import staged_codes
from service.store.repositories import codes, idempotency, listings, pools
from service.store.repositories.reservations import Reservations
from service.store.repositories.vain_requests import VainRequests
from service.store.space import growing
from service.usecases.ports import Mint


class SQLStore:
    """Implements `service.usecases.ports.Store`, which documents the methods."""

    def __init__(self, database: Database, reservations: Reservations) -> None:
        """Keep everything in `database`, and make reservations as its engine does."""
        self._database = database
        self._reservations = reservations
        self.vain = VainRequests(database)

    def add_codes(
        self,
        brand: str,
        campaign: str,
        count: int,
        mint: Mint,
        now: Millis,
        *,
        once: Idempotency | None = None,
    ) -> tuple[Sequence[str], bool]:
        def add(connection: Connection) -> tuple[Sequence[str], bool]:
            answered = idempotency.recall(connection, once, now) if once else None
            if answered is not None:
                return answered, False
            self._database.reserve.require()
            if campaign == DEFAULT_CAMPAIGN:
                pool = pools.open_default_pool(connection, brand, now)
            else:
                pool = pools.find_pool(connection, brand, campaign)
            new = staged_codes.avoiding(connection, pool.brand_id, mint)
            added = codes.add_codes(connection, pool, count, new, now)
            if once:
                kind = AnswerKind.CODES
                idempotency.remember(connection, pool.brand_id, once, kind, added, now)
            return added, True

        with growing():
            return self._database.write(add)

    def find_reservation(self, brand: str, campaign: str, user: str) -> Reservation | None:
        return self._reservations.find(brand, campaign, user)

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> tuple[Reservation, bool]:
        reservation, new = self._reservations.reserve(brand, campaign, user, now)
        if reservation is None:
            self.vain.note(brand, campaign)
            raise NoCodesLeft
        return reservation, new

    def close(self) -> None:
        """Close what is open; later calls open it again."""
        self._database.close()

    def brand(self, brand: str) -> tuple[Brand, Counts]:
        with self._database.read() as connection:
            return pools.brand_with_counts(connection, brand)

    def campaign(self, brand: str, campaign: str) -> tuple[Campaign, Counts]:
        with self._database.read() as connection:
            return pools.campaign_with_counts(connection, brand, campaign)

    def code(self, brand: str, campaign: str, code: str) -> Code:
        with self._database.read() as connection:
            return codes.find_code(connection, pools.find_pool(connection, brand, campaign), code)

    def brands(self, among: Collection[str] | None, after: str | None, limit: int) -> Page[Brand]:
        with self._database.read() as connection:
            return listings.brands(connection, among, after, limit)

    def campaigns(self, brand: str, after: str | None, limit: int) -> Page[Campaign]:
        with self._database.read() as connection:
            brand_id = pools.find_brand(connection, brand)
            return listings.campaigns(connection, brand, brand_id, after, limit)

    def codes(
        self, brand: str, campaign: str, state: State | None, after: str | None, limit: int
    ) -> Page[Code]:
        with self._database.read() as connection:
            pool = pools.find_pool(connection, brand, campaign)
            return listings.codes(connection, pool, state, after, limit)
