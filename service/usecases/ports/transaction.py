"""What a use case may do within one transaction of the store."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from service.domain.jobs import Job, JobState, Order
from service.domain.model import AnswerKind, Idempotency, Millis, State
from service.usecases.keys import FileKey, JobKey, PoolKey

Result = TypeVar("Result")


class StoredAnswer(NamedTuple):
    """The answer to a request with an idempotency key."""

    fingerprint: bytes
    """Digest of what the request asked for."""

    names: Sequence[str]
    """The codes, or the job's id."""
    created_at: Millis


class JobCursor(NamedTuple):
    """How far a job is."""

    version: int
    """How `content` is written."""
    content: str | None
    """What its last chunk said, in the words of its kind; `None` before the first."""


class Transaction(Protocol):
    """One transaction of the store, wholly done or not at all.

    Raises:
        BrandNotFound, CampaignNotFound, JobNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    now: Millis
    """The moment of the call."""

    def require_space(self, wanted: int = 0) -> None:
        """Require space for the database to grow by so many bytes.

        Raises:
            InsufficientStorage: What is left is kept for reservations.
        """

    def replay(self, key: bytes) -> StoredAnswer | None:
        """Return the answer to the request with a key; others with the key wait for the commit."""

    def forget(self, key: bytes) -> None:
        """Delete the answer to the request with a key."""

    def remember(
        self, pool: PoolKey, idempotency: Idempotency, kind: AnswerKind, names: Sequence[str]
    ) -> None:
        """Keep the answer to a request, and purge a few of the brand's that are too old."""

    def campaign(self, brand: str, campaign: str) -> PoolKey:
        """Return the keys of a campaign."""

    def make_campaign(self, brand: str, campaign: str) -> PoolKey:
        """Return the keys of a campaign, making it and its brand if needed."""

    def mint(self, pool: PoolKey, count: int) -> Sequence[str]:
        """Make at most `count` random codes, none of which an import of the brand is to store."""

    def insert_codes(self, pool: PoolKey, codes: Sequence[str]) -> Sequence[str]:
        """Insert codes that are free, and return those that the brand did not have."""

    def adjust_counts(self, pool: PoolKey, changes: Mapping[State, int]) -> None:
        """Add to the counts of a campaign's codes."""

    def open_jobs(self, brand_id: int, *, lock: bool = True) -> int:
        """Count a brand's open jobs; with `lock`, others that add one wait for the commit."""

    def insert_job(self, pool: PoolKey, order: Order) -> Job:
        """Insert a queued job with an id of its own."""

    def attach_file(self, file: FileKey, job: JobKey) -> None:
        """Keep a file for as long as a job is open."""

    def lock_budgets(self) -> None:
        """Let others that take a part of a budget of imports wait for the commit."""

    def bytes_held(self, brand: str) -> tuple[int, int]:
        """Return how many bytes there are of a brand's files, and of all."""

    def insert_file(self, brand_id: int, brand: str, size: int) -> FileKey:
        """Insert an empty file that has so many bytes in the budget of a brand."""

    def brand_of_file(self, file: FileKey) -> str:
        """Return the name of the brand whose budget a file is in."""

    def grow_file(self, file: FileKey, size: int) -> None:
        """Say that a file is alive, and has so many more bytes in its budget."""

    def insert_blocks(self, file: FileKey, first: int, blocks: Sequence[bytes]) -> None:
        """Insert blocks of a file, the first of which has the number `first`."""

    def job(self, pool: PoolKey, job_id: str, *, lock: bool = False) -> Job:
        """Return a job; with `lock`, its worker waits for the commit."""

    def job_cursor(self, pool: PoolKey, job_id: str) -> JobCursor:
        """Return how far a job is."""

    def end_job(self, key: JobKey, state: JobState, detail: str | None) -> None:
        """End a job, and take it from its worker."""


class Writes(Protocol):
    """A store that runs the work of use cases."""

    def write(
        self, work: Callable[[Transaction], Result], now: Millis, *, grows: bool = False
    ) -> Result:
        """Run `work` in a transaction, perhaps with others', and return once it is durable.

        It may run twice, the first run undone: it takes time, chance and all else from the
        transaction alone. `grows` says that it makes the database larger.

        Raises:
            InsufficientStorage: It grows the database, whose disk is full.
            Unavailable: The store cannot answer now; `work` is wholly done or not at all.
            Exception: Whatever `work` raised; then it changed nothing.
        """
