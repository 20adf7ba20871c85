"""Receiving lists of codes, and requesting the jobs that check and store them."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from service.domain.errors import TooLarge
from service.domain.jobs import MAKING, JobKind, JobRequest
from service.formats.list_form import ListForm
from service.formats.text_check import TextCheck
from service.usecases.import_files import begin_file, keep_blocks
from service.usecases.jobs import RequestedJob
from service.usecases.keys import FileKey
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.imports import Imports

BLOCKS_AT_ONCE = 4
"""Blocks that are stored in one step."""
DROP_TIMEOUT_S = 1.0
"""Seconds that the caller of a refused list waits for its deletion; workers purge the rest."""


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that was received completely."""

    file: FileKey | None
    """`None` for a repeated request, whose file is not stored."""
    size: int
    """Bytes."""
    lines: int
    digest: str
    """SHA-256 of the content."""


class Upload(NamedTuple):
    """What is known of a list before it comes."""

    announced: int | None = None
    """Its Content-Length, if it has one."""
    kind: JobKind = JobKind.IMPORT
    """The kind of the job that it is for."""


_UNKNOWN = Upload()


class ListChecker:
    """Checks of blocks while they are received, so that unreadable lists are refused early."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._size = 0
        self._text = TextCheck()

    def check(self, block: bytes) -> None:
        """Check a block.

        Raises:
            TooLarge: The list has too many bytes or lines.
            InvalidRequest: The block is not text, or a line is too long.
        """
        self._size += len(block)
        if self._size > self._max_bytes:
            raise TooLarge(f"A list has at most {self._max_bytes} bytes. Nothing was changed.")
        self._digest.update(block)
        self._text.check(block)

    def received(self, file: FileKey | None) -> ReceivedFile:
        """Return the received file.

        Raises:
            InvalidRequest: The list is empty, or has no lines.
        """
        return ReceivedFile(file, self._size, self._text.lines(), self._digest.hexdigest())


def receive(
    imports: Imports,
    brand: str,
    campaign: str,
    blocks: Iterable[bytes],
    max_bytes: int,
    clock: Clock = system_clock,
    *,
    upload: Upload = _UNKNOWN,
) -> ReceivedFile:
    """Receive and store a list, if there is space for it.

    Args:
        imports: The store of files.
        brand: The brand of the codes.
        campaign: The campaign of the codes.
        blocks: The list; no block is read before the other checks have passed.
        max_bytes: Most bytes of a list.
        clock: Returns the current time.
        upload: What is known of it.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        TooManyJobs: The brand has too many open jobs.
        ImportBudgetExceeded, InsufficientStorage: There is no space for the list.
        TooLarge, InvalidRequest: The list cannot be read. Nothing was changed.
    """
    checker, size, makes = ListChecker(max_bytes), upload.announced or 0, upload.kind in MAKING
    file = begin_file(imports, brand, campaign, clock(), size, makes=makes)
    try:
        number, held = 0, list[bytes]()
        for block in chain(blocks, [None]):
            if block is not None:
                checker.check(block)
                held.append(block)
            if held and (block is None or len(held) == BLOCKS_AT_ONCE):
                more = sum(map(len, held)) if upload.announced is None else 0
                keep_blocks(imports, file, number, held, clock(), more)
                number, held = number + len(held), []
        return checker.received(file)
    except BaseException:
        imports.drop(file, DROP_TIMEOUT_S)
        raise


def digest(blocks: Iterable[bytes], max_bytes: int) -> ReceivedFile:
    """Read the list of a repeated request without storing it.

    Raises:
        TooLarge, InvalidRequest: The list cannot be read.
    """
    checker = ListChecker(max_bytes)
    for block in blocks:
        checker.check(block)
    return checker.received(None)


def import_codes(
    imports: Imports,
    ask: Callable[[JobRequest], RequestedJob],
    received: ReceivedFile,
    *,
    form: ListForm,
    dry_run: bool,
    requested_by: str,
    kind: JobKind = JobKind.IMPORT,
) -> RequestedJob:
    """Request a job that checks a received list and, unless `dry_run`, does what its kind says.

    Args:
        imports: The store of files.
        ask: Requests a job, as `request_job` does.
        received: The received list.
        form: The format of the list.
        dry_run: Whether to change nothing.
        requested_by: The caller's subject.
        kind: Whether codes are stored, disabled or enabled.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        Conflict: The idempotency key was used for another request.
        TooManyJobs: The brand has too many open jobs.
        InsufficientStorage: The database has no space for another job.
        Unavailable: The answer to the repeated request has expired meanwhile.
    """
    file = received.file
    parameters: dict[str, Any] = {"form": form, "dry_run": dry_run}
    if file is not None:
        parameters |= {"file": file.id, "file_of": file.brand_id}
    requested = None
    try:
        requested = ask(JobRequest(kind, received.lines, requested_by, parameters))
    finally:
        if file is not None and not (requested and requested.new):
            imports.drop(file, DROP_TIMEOUT_S)
    return requested
