"""The implementation of the store: each method is one read or one transaction."""

from collections.abc import Collection

from service.domain.campaigns import Campaign, CampaignWithCounts
from service.domain.codes import Mint, mint
from service.domain.erasure import Tombstones, no_tombstones
from service.domain.errors import NoCodesLeft
from service.domain.model import (
    Brand,
    BrandWithCounts,
    Code,
    Millis,
    Page,
    Reservation,
    ReservationResult,
    State,
)
from service.store.database import Database
from service.store.repositories import listings, pools, user_codes
from service.store.repositories.exhausted_pools import ExhaustedPools
from service.store.repositories.reservations import Reservations
from service.store.transaction import SQLWrites
from service.usecases.ports.store import UserCode


class SQLStore(SQLWrites):
    """Implements `service.usecases.ports.store.Store`, which documents the methods."""

    def __init__(self, database: Database, reservations: Reservations, mint: Mint = mint) -> None:
        """Use `database`, and the reservations of its engine."""
        super().__init__(database, mint)
        self._reservations = reservations
        self.exhausted_pools = ExhaustedPools(database)

    def find_reservation(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> Reservation | None:
        return self._reservations.find(brand, campaign, user, now)

    def reserve(
        self,
        brand: str,
        campaign: str,
        user: str,
        now: Millis,
        tombstones: Tombstones = no_tombstones,
    ) -> ReservationResult:
        result = self._reservations.reserve(brand, campaign, user, now, tombstones)
        if result is None:
            self.exhausted_pools.record(brand, campaign)
            raise NoCodesLeft
        return result

    def close(self) -> None:
        """Close the database; later calls open it again."""
        self._database.close()

    def brand(self, brand: str, now: Millis) -> BrandWithCounts:
        with self._database.read() as connection:
            return pools.brand_with_counts(connection, brand, now)

    def campaign(self, brand: str, campaign: str) -> CampaignWithCounts:
        with self._database.read() as connection:
            return pools.campaign_with_counts(connection, brand, campaign)

    def require_campaign(self, brand: str, campaign: str) -> None:
        with self._database.read() as connection:
            pools.find_pool(connection, brand, campaign)

    def brands(self, among: Collection[str] | None, after: str | None, limit: int) -> Page[Brand]:
        with self._database.read() as connection:
            return listings.brands(connection, among, after, limit)

    def campaigns(self, brand: str, after: str | None, limit: int) -> Page[Campaign]:
        with self._database.read() as connection:
            brand_id = pools.find_brand(connection, brand)
            return listings.campaigns(connection, brand, brand_id, after, limit)

    def codes(
        self,
        brand: str,
        campaign: str,
        state: State | None,
        after: str | None,
        limit: int,
        now: Millis,
    ) -> Page[Code]:
        with self._database.read() as connection:
            pool = pools.find_pool(connection, brand, campaign)
            return listings.codes(connection, pool, state, after, limit, now)

    def user_codes(
        self,
        brand: str,
        user: str,
        state: State | None,
        after: int | None,
        limit: int,
        now: Millis,
    ) -> Page[UserCode]:
        with self._database.read() as connection:
            brand_id = pools.find_brand(connection, brand)
            return user_codes.page_of(connection, brand_id, user, state, after, limit, now)
