"""The port of import files and refused lines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeVar

from service.domain.model import Millis
from service.formats.refusals import Refusal
from service.usecases.keys import FileKey
from service.usecases.ports.transaction import Transaction, Writes

Result = TypeVar("Result")


class Budgets(NamedTuple):
    """Limits of bytes in open imports; unneeded files count until they are purged."""

    of_brand: int
    of_all: int


class Files(Writes, Protocol):
    """A store of import files."""

    budgets: Budgets | None
    """`None`: no limits."""

    def read(self, work: Callable[[Transaction], Result], now: Millis) -> Result:
        """Run `work`, which only reads, without blocking writers."""

    def require_fresh_space(self) -> None:
        """Measure the free space, and require enough of it.

        Raises:
            InsufficientStorage: The remaining space is reserved for reservations.
        """

    def purge(self, now: Millis) -> bool:
        """Delete some data that no open job needs; return whether there may be more."""


class Imports(Files, Protocol):
    """A store of files until their jobs have ended.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    def is_answered(self, key: bytes, now: Millis) -> bool:
        """Return whether a request with this idempotency key has been answered."""

    def drop(self, file: FileKey, within_s: float) -> None:
        """Drop a file that no job needs, and delete as much as possible in so many seconds."""

    def refusals(
        self, brand: str, campaign: str, job_id: str
    ) -> AbstractContextManager[Iterator[Sequence[Refusal]]]:
        """Yield the lines that a job has refused, in their order and in parts.

        Raises:
            JobNotFound: The campaign has no such job.
        """
