"""What a chunk of a job may do: read before its transaction, and write in it.

The job's row is locked meanwhile, and its progress is kept in the same transaction. What was undone
is done again from the same progress, so only what is read and written here may decide anything.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from service.domain.model import Millis, State
from service.formats.refusals import Refusal
from service.usecases.keys import FileKey, JobKey, PoolKey

Row = tuple[str, int]
"""A code and its line."""


class Part(NamedTuple):
    """Codes from number `at` on, of `total` that are made in parts."""

    at: int
    total: int
    size: int


class ChunkReader(Protocol):
    """What there is before the transaction, all of one moment; it may take long."""

    def block(self, file: FileKey, number: int) -> bytes | None:
        """Return a block of a list, `None` behind the last."""

    def run_part(self, file: FileKey, run: int, part: int) -> str | None:
        """Return a part of a run, `None` behind the last."""


class ChunkTransaction(Protocol):
    """The transaction of one chunk."""

    now: Millis
    """The moment of the chunk."""
    single_writer: bool
    """Whether nobody else can write meanwhile, so that what was checked stays true."""

    def savepoint(self) -> AbstractContextManager[object]:
        """Undo what its block has done, and no more, if the block raises."""

    def mint_part(self, pool: PoolKey, part: Part, count: int) -> Sequence[str]:
        """Make at most `count` codes of a part, none of which an import is to store."""

    def load_codes(self, pool: PoolKey, part: Part, codes: Sequence[str], *, shuffle: bool) -> int:
        """Insert many free codes, and return how many the brand did not have.

        With `shuffle`, they are claimed in another order than they come in.
        """

    def adjust_counts(self, pool: PoolKey, changes: Mapping[State, int]) -> None:
        """Add to the counts of a campaign's codes."""

    def set_total(self, key: JobKey, total: int) -> None:
        """Change how many rows a job has."""

    def insert_run(self, file: FileKey, run: int, parts: Sequence[str]) -> None:
        """Insert a sorted run of a list, in parts."""

    def drop_blocks(self, file: FileKey, end: int) -> None:
        """Delete the blocks of a list before the one with the number `end`."""

    def insert_refusals(self, key: JobKey, refused: Sequence[Refusal]) -> None:
        """Insert lines into the report of a job."""

    def taken(self, brand_id: int, codes: Sequence[str]) -> set[str]:
        """Return those of the codes that the brand has."""

    def stage(self, brand_id: int, file: FileKey, rows: Sequence[Row]) -> set[str]:
        """Keep codes for a list, but for those that another open import has, which are returned."""

    def next_staged(self, brand_id: int, file: FileKey, after: str, limit: int) -> Sequence[str]:
        """Return the next codes that were staged for a list, at most `limit`, in their order."""

    def clashes(self, brand_id: int, file: FileKey) -> Sequence[Row]:
        """Return the codes staged for a list that the brand has after all."""
