"""The implementation of transactions for use cases."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress

from sqlalchemy import Connection

from service.domain import codes
from service.domain.campaigns import CampaignWithCounts, Rules
from service.domain.code_formats import CodeFormat
from service.domain.codes import Mint
from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.jobs import Job, JobRequest, JobState, new_job_id
from service.domain.model import AnswerKind, Idempotency, Millis, State
from service.domain.states import StoredCode
from service.store.database import Database, Result
from service.store.dialect import dialect_of
from service.store.imports import staged_codes, staging
from service.store.jobs import rows as jobs
from service.store.repositories import campaign_rules, pools, stored_answers, user_codes
from service.store.space import Reserve, growing
from service.usecases.keys import FileKey, JobKey, PoolKey
from service.usecases.ports.transaction import (
    HeldBytes,
    JobCursor,
    PoolForCodes,
    StoredAnswer,
    Transaction,
)
from service.usecases.ports.user_codes import StoredUserCode, UserRedemption

BUDGETS_LOCK = 0x696D706F72747300
"""The advisory lock of the budgets of imports: "imports" in ASCII."""


class SQLWrites:
    """Implements `service.usecases.ports.transaction.Writes`, which documents the method.

    Args:
        database: The database.
        mint: Returns random codes.
    """

    def __init__(self, database: Database, mint: Mint = codes.mint) -> None:
        self._database = database
        self._mint = mint

    def write(
        self, work: Callable[[Transaction], Result], now: Millis, *, grows: bool = False
    ) -> Result:
        def run(connection: Connection) -> Result:
            return work(self._transaction(connection, now))

        with growing(self._database.dialect.is_full) if grows else nullcontext():
            return self._database.write(run)

    def _transaction(self, connection: Connection, now: Millis) -> Transaction:
        return SQLTransaction(connection, self._database.reserve, self._mint, now)


class SQLTransaction:
    """Implements `service.usecases.ports.transaction.Transaction`, which documents the methods."""

    def __init__(self, connection: Connection, reserve: Reserve, mint: Mint, now: Millis) -> None:
        """Act on a connection in a transaction."""
        self._connection = connection
        self._dialect = dialect_of(connection)
        self._reserve = reserve
        self._mint = mint
        self.now = now

    def require_space(self, wanted: int = 0) -> None:
        self._reserve.require(wanted)

    def replay(self, key: bytes) -> StoredAnswer | None:
        return stored_answers.find(self._connection, key)

    def forget(self, key: bytes) -> None:
        stored_answers.forget(self._connection, key)

    def remember(
        self, pool: PoolKey, idempotency: Idempotency, kind: AnswerKind, names: Sequence[str]
    ) -> None:
        stored_answers.remember(self._connection, pool.brand_id, idempotency, kind, names, self.now)

    def brand(self, brand: str) -> int:
        return pools.find_brand(self._connection, brand)

    def lock_user_codes(self, brand_id: int, users: Sequence[str]) -> Sequence[StoredUserCode]:
        return user_codes.lock(self._connection, brand_id, users)

    def store_code(self, found: StoredUserCode, after: StoredCode) -> None:
        user_codes.store(self._connection, found, after, self.now)

    def user_redemptions(self, brand_id: int, users: Sequence[str]) -> Sequence[UserRedemption]:
        return user_codes.redemptions(self._connection, brand_id, users)

    def rename_redeemer(self, brand_id: int, found: UserRedemption, user: str) -> None:
        user_codes.rename_redeemer(self._connection, brand_id, found, user)

    def campaign(self, brand: str, campaign: str) -> PoolKey:
        return pools.find_pool(self._connection, brand, campaign)

    def pool_for_codes(self, brand: str, campaign: str) -> PoolForCodes:
        return pools.pool_for_codes(self._connection, brand, campaign)

    def count_codes(self, pool: PoolKey) -> int:
        return pools.count_codes(self._connection, pool)

    def insert_campaign(self, brand: str, campaign: str) -> PoolKey | None:
        return pools.insert_pool(self._connection, brand, campaign, self.now)

    def lock_campaign(self, brand: str, campaign: str) -> CampaignWithCounts | None:
        with suppress(BrandNotFound, CampaignNotFound):
            return pools.campaign_with_counts(self._connection, brand, campaign, lock=True)
        return None

    def set_rules(self, pool: PoolKey, rules: Rules) -> None:
        campaign_rules.set_rules(self._connection, pool, rules)

    def open_jobs_of(self, pool: PoolKey) -> Sequence[str]:
        return jobs.open_of_pool(self._connection, pool)

    def mint(self, pool: PoolKey, form: CodeFormat | None, count: int) -> Sequence[str]:
        mint = form.mint if form else self._mint
        return staged_codes.excluding(self._connection, pool.brand_id, mint)(count)

    def insert_codes(self, pool: PoolKey, codes: Sequence[str]) -> Sequence[str]:
        return self._dialect.insert_codes(self._connection, pool, codes, self.now)

    def adjust_counts(self, pool: PoolKey, changes: Mapping[State, int]) -> None:
        self._dialect.adjust_counts(self._connection, pool, changes, self.now)

    def open_jobs(self, brand_id: int, *, lock: bool = True) -> int:
        return jobs.count_open(self._connection, brand_id, lock=lock)

    def insert_job(self, pool: PoolKey, request: JobRequest) -> Job:
        return jobs.insert_job(self._connection, pool, new_job_id(), request, self.now)

    def attach_file(self, file: FileKey, job: JobKey) -> None:
        staging.attach(self._connection, file, *job)

    def lock_budgets(self) -> None:
        self._dialect.lock(self._connection, BUDGETS_LOCK)

    def bytes_held(self, brand: str) -> HeldBytes:
        return staging.held(self._connection, brand)

    def insert_file(self, brand_id: int, brand: str, size: int) -> FileKey:
        return staging.begin(self._connection, brand_id, self.now, brand=brand, size=size)

    def brand_of_file(self, file: FileKey) -> str:
        return staging.brand_of(self._connection, file)

    def grow_file(self, file: FileKey, size: int) -> None:
        staging.grow(self._connection, file, self.now, size)

    def insert_blocks(self, file: FileKey, first: int, blocks: Sequence[bytes]) -> None:
        staging.keep(self._connection, file, first, blocks)

    def job(self, pool: PoolKey, job_id: str, *, lock: bool = False) -> Job:
        return jobs.find_job(self._connection, pool, job_id, lock=lock)

    def job_cursor(self, pool: PoolKey, job_id: str) -> JobCursor:
        return jobs.find_cursor(self._connection, pool, job_id)

    def end_job(self, key: JobKey, state: JobState, detail: str | None) -> None:
        jobs.finish(self._connection, key, state, detail, self.now)
