"""The port of transactions: what use cases do within one."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from service.domain.campaigns import CampaignWithCounts, Rules
from service.domain.code_formats import CodeFormat
from service.domain.jobs import Job, JobRequest, JobState
from service.domain.model import AnswerKind, Idempotency, Millis, State
from service.domain.states import StoredCode
from service.usecases.keys import FileKey, JobKey, PoolKey
from service.usecases.ports.user_codes import StoredUserCode, UserRedemption

Result = TypeVar("Result")


class StoredAnswer(NamedTuple):
    """The answer to a request with an idempotency key."""

    fingerprint: bytes
    """Digest of what the request asked for."""

    names: Sequence[str]
    """The codes, or the job's id."""
    created_at: Millis


class JobCursor(NamedTuple):
    """The progress of a job."""

    version: int
    """The version of the format of `content`."""
    content: str | None
    """The cursor of the last chunk, in a format of the kind; `None` before the first one."""


class PoolForCodes(NamedTuple):
    """What new codes of a campaign depend on."""

    key: PoolKey
    archived: bool
    form: CodeFormat | None


class HeldBytes(NamedTuple):
    """The bytes of the files of open and abandoned imports."""

    of_brand: int
    of_all: int
    """Those of all brands."""


class Transaction(Protocol):
    """An atomic transaction of the store.

    Raises:
        BrandNotFound, CampaignNotFound, JobNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    now: Millis
    """The time of the call."""

    def require_space(self, wanted: int = 0) -> None:
        """Require space for so many more bytes.

        Raises:
            InsufficientStorage: The remaining space is reserved for reservations.
        """

    def replay(self, key: bytes) -> StoredAnswer | None:
        """Return the answer stored with a key; others with the key wait for the commit."""

    def forget(self, key: bytes) -> None:
        """Delete the answer stored with a key."""

    def remember(
        self, pool: PoolKey, idempotency: Idempotency, kind: AnswerKind, names: Sequence[str]
    ) -> None:
        """Store the answer to a request, and purge a few expired ones of the brand."""

    def brand(self, brand: str) -> int:
        """Return the key of a brand."""

    def lock_user_codes(self, brand_id: int, users: Sequence[str]) -> Sequence[StoredUserCode]:
        """Return the codes that are stored as those of some users, whatever their state.

        Others that change them wait for the commit, and no statement is running any more that may
        not have seen them.
        """

    def store_code(self, found: StoredUserCode, after: StoredCode) -> None:
        """Replace what is stored of a code."""

    def user_redemptions(self, brand_id: int, users: Sequence[str]) -> Sequence[UserRedemption]:
        """Return what some users did with codes."""

    def rename_redeemer(self, brand_id: int, found: UserRedemption, user: str) -> None:
        """Replace the user of a redemption."""

    def campaign(self, brand: str, campaign: str) -> PoolKey:
        """Return the key of a campaign."""

    def pool_for_codes(self, brand: str, campaign: str) -> PoolForCodes:
        """Return what new codes of a campaign depend on."""

    def insert_campaign(self, brand: str, campaign: str) -> PoolKey | None:
        """Make a campaign, with its brand if needed; `None` if it exists."""

    def lock_campaign(self, brand: str, campaign: str) -> CampaignWithCounts | None:
        """Return a campaign, if it exists; others that change its rules wait for the commit."""

    def set_rules(self, pool: PoolKey, rules: Rules) -> None:
        """Replace the rules of a campaign."""

    def open_jobs_of(self, pool: PoolKey) -> Sequence[str]:
        """Return the ids of a campaign's open jobs."""

    def count_codes(self, pool: PoolKey) -> int:
        """Return the number of a campaign's codes."""

    def mint(self, pool: PoolKey, form: CodeFormat | None, count: int) -> Sequence[str]:
        """Return at most `count` random codes, without those that open imports will store."""

    def insert_codes(self, pool: PoolKey, codes: Sequence[str]) -> Sequence[str]:
        """Insert available codes, and return those that the brand did not have."""

    def adjust_counts(self, pool: PoolKey, changes: Mapping[State, int]) -> None:
        """Add to the counts of a campaign's codes."""

    def open_jobs(self, brand_id: int, *, lock: bool = True) -> int:
        """Return the number of a brand's open jobs; `lock` makes others that add one wait."""

    def insert_job(self, pool: PoolKey, request: JobRequest) -> Job:
        """Insert a queued job with a new id."""

    def attach_file(self, file: FileKey, job: JobKey) -> None:
        """Keep a file as long as a job is open."""

    def lock_budgets(self) -> None:
        """Make others that use a budget of imports wait for the commit."""

    def bytes_held(self, brand: str) -> HeldBytes:
        """Return the bytes of a brand's files, and of all files."""

    def insert_file(self, brand_id: int, brand: str, size: int) -> FileKey:
        """Insert an empty file that uses so many bytes of a brand's budget."""

    def brand_of_file(self, file: FileKey) -> str:
        """Return the name of the brand whose budget a file uses."""

    def grow_file(self, file: FileKey, size: int) -> None:
        """Refresh a file's age, and add so many bytes to its budget."""

    def insert_blocks(self, file: FileKey, first: int, blocks: Sequence[bytes]) -> None:
        """Insert blocks of a file, the first of which has the number `first`."""

    def job(self, pool: PoolKey, job_id: str, *, lock: bool = False) -> Job:
        """Return a job; `lock` makes its worker wait for the commit."""

    def job_cursor(self, pool: PoolKey, job_id: str) -> JobCursor:
        """Return the progress of a job."""

    def end_job(self, key: JobKey, state: JobState, detail: str | None) -> None:
        """End a job, and revoke its lease."""


class Writes(Protocol):
    """A store that runs use cases in transactions."""

    def write(
        self, work: Callable[[Transaction], Result], now: Millis, *, grows: bool = False
    ) -> Result:
        """Run `work` in a transaction, perhaps with others, and return when it is durable.

        `work` may run twice, after a rollback: so it takes time, randomness and everything else
        from the transaction. `grows` says that it makes the database larger.

        Raises:
            InsufficientStorage: The disk is full, and the database would grow.
            Unavailable: The store cannot answer now; `work` is done completely or not at all.
            Exception: `work` raised it, and nothing was changed.
        """
