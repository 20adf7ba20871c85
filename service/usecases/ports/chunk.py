"""Ports of a job's chunk: reads before its transaction, and writes in it.

The job's row is locked, and its progress is stored in the same transaction. After a rollback, the
chunk runs again from the same progress, so it must only depend on what is read and written here.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from service.domain.code_selection import FoundForSwitch, Selection
from service.domain.model import Millis, State
from service.formats.refusals import Refusal
from service.usecases.keys import FileKey, JobKey, PoolKey

Row = tuple[str, int]
"""A code and its line."""


class Part(NamedTuple):
    """A part of `total` codes, which begins at number `at`."""

    at: int
    total: int
    size: int


class ChunkReader(Protocol):
    """Reads of a snapshot before the transaction, without a deadline."""

    single_writer: bool
    """Whether there is a single writer, which must not wait for reads."""

    def block(self, file: FileKey, number: int) -> bytes | None:
        """Return a block of a list, `None` after the last one."""

    def run_part(self, file: FileKey, run: int, part: int) -> str | None:
        """Return a part of a run, `None` after the last one."""

    def next_staged(self, brand_id: int, file: FileKey, after: str, limit: int) -> Sequence[str]:
        """Return the next staged codes of a list, at most `limit`, in order."""


class ChunkTransaction(Protocol):
    """The transaction of one chunk."""

    now: Millis
    """The time of the chunk."""
    single_writer: bool
    """Whether there is a single writer, so that checks stay valid."""

    def savepoint(self) -> AbstractContextManager[object]:
        """Run a block in a savepoint, which is rolled back if the block raises."""

    def mint_part(self, pool: PoolKey, part: Part, count: int) -> Sequence[str]:
        """Return at most `count` codes of a part, in the campaign's present format.

        Those that open imports will store are not among them.
        """

    def load_codes(self, pool: PoolKey, part: Part, codes: Sequence[str], *, shuffle: bool) -> int:
        """Insert many available codes, and return how many were new to the brand.

        With `shuffle`, they are claimed in another order than that of the list.
        """

    def adjust_counts(self, pool: PoolKey, changes: Mapping[State, int]) -> None:
        """Add to the counts of a campaign's codes."""

    def codes_after(self, pool: PoolKey, after: str, limit: int) -> Sequence[str]:
        """Return a campaign's next codes, at most `limit`, in the order of the engine."""

    def lock_codes(
        self, pool: PoolKey, codes: Sequence[str], selection: Selection | None
    ) -> Sequence[FoundForSwitch]:
        """Return those of some codes that a campaign has and a selection names, and lock them."""

    def switch_codes(self, pool: PoolKey, codes: Sequence[str], *, disabled: bool) -> None:
        """Disable locked codes that are enabled, or the other way round; counts stay as they are.

        A lapsed code that is disabled is nobody's.
        """

    def set_total(self, key: JobKey, total: int) -> None:
        """Set the number of a job's rows."""

    def insert_run(self, file: FileKey, run: int, parts: Sequence[str]) -> None:
        """Insert a sorted run of a list, in parts."""

    def drop_blocks(self, file: FileKey, end: int) -> None:
        """Delete the blocks of a list before the one with the number `end`."""

    def insert_refusals(self, key: JobKey, refused: Sequence[Refusal]) -> None:
        """Insert lines into the report of a job."""

    def taken(self, brand_id: int, codes: Sequence[str]) -> set[str]:
        """Return the codes that the brand already has."""

    def stage(self, brand_id: int, file: FileKey, rows: Sequence[Row]) -> set[str]:
        """Stage codes of a list, and return those that another open import has staged."""

    def next_staged(self, brand_id: int, file: FileKey, after: str, limit: int) -> Sequence[str]:
        """Return the next staged codes of a list, at most `limit`, in order."""

    def drop_staged(self, brand_id: int, file: FileKey, codes: Sequence[str]) -> None:
        """Delete staged codes of a list."""

    def clashes(self, brand_id: int, file: FileKey) -> Sequence[Row]:
        """Return the staged codes of a list that the brand has by now."""
