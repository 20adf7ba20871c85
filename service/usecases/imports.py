"""Taking a list of codes in, as it comes, and asking for the job that checks and stores it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from service.domain.errors import TooLarge
from service.domain.jobs import Job, JobKind, Order
from service.formats.list_form import ListForm
from service.formats.text_check import TextCheck
from service.usecases.import_files import begin_file, keep_blocks
from service.usecases.keys import FileKey
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.imports import Imports

BLOCKS_AT_ONCE = 4
"""How many blocks are kept in one step."""
DROP_WITHIN_S = 1.0
"""How long the caller of a refused list waits while it is deleted; workers purge the rest."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has come, whole."""

    file: FileKey | None
    """`None` if nothing was kept: the request is a repeated one."""
    size: int
    """Bytes."""
    lines: int
    digest: str
    """What tells its content from any other (SHA-256)."""


class Intake:
    """Looks at blocks on their way in, for what makes reading them a waste."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._size = 0
        self._text = TextCheck()

    def check(self, block: bytes) -> None:
        """Count and digest a block.

        Raises:
            TooLarge: There are too many bytes or lines.
            InvalidRequest: It is no text, or a line is too long to be a row.
        """
        self._size += len(block)
        if self._size > self._max_bytes:
            raise TooLarge(f"A list has at most {self._max_bytes} bytes. Nothing was changed.")
        self._digest.update(block)
        self._text.check(block)

    def received(self, file: FileKey | None) -> Received:
        """Sum up.

        Raises:
            InvalidRequest: There was nothing, or nothing that has lines.
        """
        return Received(file, self._size, self._text.lines(), self._digest.hexdigest())


def receive(
    imports: Imports,
    brand: str,
    campaign: str,
    blocks: Iterable[bytes],
    max_bytes: int,
    clock: Clock = system_clock,
    *,
    announced: int | None = None,
) -> Received:
    """Keep a list as it comes, if there is room for it.

    Args:
        imports: Where it is kept.
        brand: Whose it is to be.
        campaign: Where its codes are to be.
        blocks: The list; none is taken before all else is known to be well.
        max_bytes: How long it may be.
        clock: Tells the time.
        announced: How many bytes it is said to have; `None`: not said.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        TooManyJobs: The brand has as many open jobs as it may.
        ImportBudgetExceeded, InsufficientStorage: There is no room for the list.
        TooLarge, InvalidRequest: The list cannot be read. Nothing was changed.
    """
    intake, file = Intake(max_bytes), begin_file(imports, brand, campaign, clock(), announced or 0)
    try:
        number, held = 0, list[bytes]()
        for block in chain(blocks, [None]):
            if block is not None:
                intake.check(block)
                held.append(block)
            if held and (block is None or len(held) == BLOCKS_AT_ONCE):
                more = sum(map(len, held)) if announced is None else 0
                keep_blocks(imports, file, number, held, clock(), more)
                number, held = number + len(held), []
        return intake.received(file)
    except BaseException:
        imports.drop(file, DROP_WITHIN_S)
        raise


def digest(blocks: Iterable[bytes], max_bytes: int) -> Received:
    """Read a list that came before, and keep nothing of it.

    Raises:
        TooLarge, InvalidRequest: The list cannot be read.
    """
    intake = Intake(max_bytes)
    for block in blocks:
        intake.check(block)
    return intake.received(None)


def import_codes(
    imports: Imports,
    ask: Callable[[Order], tuple[Job, bool]],
    received: Received,
    *,
    form: ListForm,
    dry_run: bool,
    requested_by: str,
) -> tuple[Job, bool]:
    """Ask for the codes of a list that has come to be checked and, unless `dry_run`, stored.

    Args:
        imports: Where the list is kept.
        ask: Asks for a job, as `request_job` does.
        received: The list.
        form: How it is written.
        dry_run: Whether nothing is to be stored.
        requested_by: The caller's subject.

    Returns:
        The job as it was when it was asked for, and whether it is new.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        Conflict: The idempotency key was used for something else.
        TooManyJobs: The brand has as many open jobs as it may.
        InsufficientStorage: The database has no room for another job.
        Unavailable: The answer to a repeated request was forgotten meanwhile.
    """
    file = received.file
    parameters: dict[str, Any] = {"form": form, "dry_run": dry_run}
    if file is not None:
        parameters |= {"file": file.id, "file_of": file.brand_id}
    new = False
    try:
        job, new = ask(Order(JobKind.IMPORT, received.lines, requested_by, parameters))
    finally:
        if file is not None and not new:
            imports.drop(file, DROP_WITHIN_S)
    return job, new
