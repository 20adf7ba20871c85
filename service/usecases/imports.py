"""Taking a list of codes in, as it comes, and asking for the job that checks and stores it."""

import codecs
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from service.domain.errors import InputError, InvalidRequest, TooLarge
from service.domain.jobs import Job, JobKind, Order
from service.formats.code_lists import MAX_LINES
from service.formats.list_form import ListForm
from service.formats.refusals import MAX_ROW_BYTES
from service.usecases.import_files import begin_file, keep_blocks
from service.usecases.keys import FileKey
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.imports import Imports

BLOCKS_AT_ONCE = 4
"""How many blocks are kept in one step."""
DROP_WITHIN_S = 1.0
"""How long the caller of a refused list waits while it is deleted; workers purge the rest."""
_UTF32, _UTF16 = (
    "The list is in UTF-32. Send it in UTF-8.",
    "The list is in UTF-16. Send it in UTF-8.",
)
_WORKBOOK = "The list is an Excel workbook, or another archive. Save it as CSV in UTF-8."
_OTHER_FORMATS = {
    codecs.BOM_UTF32_LE: _UTF32,  # begins as that of UTF-16 does
    codecs.BOM_UTF32_BE: _UTF32,
    codecs.BOM_UTF16_LE: _UTF16,
    codecs.BOM_UTF16_BE: _UTF16,
    b"PK\x03\x04": _WORKBOOK,
    b"\xd0\xcf\x11\xe0": _WORKBOOK,
    b"\x1f\x8b": "The list is compressed by gzip. Send it as it is.",
    b"%PDF": "The list is a PDF document. Save it as CSV in UTF-8.",
}
"""What is no list, by how it begins."""


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
        self._ends = 0
        self._in_row = 0
        self._first_bytes = b""
        self._returns = 0
        """Carriage returns, for as long as no line has ended."""

    def check(self, block: bytes) -> None:
        """Count and digest a block.

        Raises:
            TooLarge: There are too many bytes or lines.
            InvalidRequest: It is no text, or a line is too long to be a row.
        """
        self._size += len(block)
        if self._size > self._max_bytes:
            raise TooLarge(f"A list has at most {self._max_bytes} bytes. Nothing was changed.")
        self._require_text(block)
        self._digest.update(block)
        if b"\0" in block:
            raise _unreadable("The list holds a NUL: it is no text in UTF-8, but perhaps UTF-16.")
        ends = block.count(b"\n")
        if ends:
            self._in_row = 0
        self._ends += ends
        self._returns += 0 if self._ends else block.rstrip(b"\r").count(b"\r")
        self._in_row += len(block) - 1 - block.rfind(b"\n")
        if self._in_row > MAX_ROW_BYTES:
            line = self._ends + 1
            self._require_line_feeds()
            raise _unreadable(f"Line {line} is longer than {MAX_ROW_BYTES} bytes.")
        if self._ends > MAX_LINES:
            raise TooLarge(f"A list has at most {MAX_LINES} lines. Nothing was changed.")

    def _require_text(self, block: bytes) -> None:
        if len(self._first_bytes) < len(codecs.BOM_UTF32):
            self._first_bytes = (self._first_bytes + block)[: len(codecs.BOM_UTF32)]
            for beginning, sentence in _OTHER_FORMATS.items():
                if self._first_bytes.startswith(beginning):
                    raise _unreadable(sentence)

    def received(self, file: FileKey | None) -> Received:
        """Sum up.

        Raises:
            InvalidRequest: There was nothing.
        """
        if not self._size:
            raise _unreadable("The list is empty.")
        self._require_line_feeds()
        lines = self._ends + bool(self._in_row)
        return Received(file, self._size, lines, self._digest.hexdigest())

    def _require_line_feeds(self) -> None:
        if self._returns and not self._ends:
            raise _unreadable("Lines end in a carriage return (CR) alone. End them in LF or CRLF.")


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
        clock: Returns the current time.
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


def _unreadable(detail: str) -> InvalidRequest:
    return InvalidRequest([InputError("", detail)])
