"""The session of a command: the database, a progress bar, and the handling of signals."""

import io
import os
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType
from typing import IO, Self

import click

from service.cli import streams
from service.cli.failures import failures_of
from service.cli.group import Terminated
from service.cli.progress import JobProgressBar, Progress
from service.container.storage import build_storage
from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.jobs import Job, JobRequest
from service.domain.model import CodeRow, State
from service.formats.columns import CODE_COLUMNS, REPORT_COLUMNS
from service.formats.list_form import ListType
from service.formats.tables import code_table, report_table, written
from service.settings import Settings, load_settings
from service.store.migrations.current import why_not_ready
from service.usecases.jobs import RequestedJob, cancel_job, request_job
from service.usecases.keys import JobKey
from service.usecases.ports.clock import system_clock
from service.usecases.working import Worker
from service.worker.signal_event import SignalEvent

POLL_INTERVAL_S = 0.2
"""Seconds between two looks at a job that another worker does."""
BLOCK_BYTES = 64 * 1024
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Session:
    """The session of a command that works on a campaign."""

    def __init__(self, brand: str, campaign: str) -> None:
        self.settings: Settings = load_settings()
        self._failures = failures_of(self.settings)
        self._failures.require_database()
        self.brand, self.campaign = brand, campaign
        self._storage = build_storage(self.settings, threads=2)
        self.imports = self._storage.imports
        self._key: JobKey
        self._interrupted = SignalEvent()
        self._signal: signal.Signals | None = None
        self._progress = Progress()

    def __enter__(self) -> Self:
        """Begin.

        Raises:
        ClickException: The tables are not there.
        """
        try:
            why = why_not_ready(self._storage.database)
        except BaseException:
            self._storage.database.close()
            raise
        if why:
            self._storage.database.close()
            raise click.ClickException(f"{self._failures.name}: {why}.")
        self._before = {number: signal.signal(number, self._interrupt) for number in _SIGNALS}
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """End.

        Raises:
            ClickException: There is no such campaign.
        """
        self._progress.end_line()
        self._restore_signals()
        self._interrupted.close()
        self._storage.database.close()
        if isinstance(error, BrandNotFound):
            raise click.ClickException(f"There is no brand {self.brand!r}.") from error
        if isinstance(error, CampaignNotFound):
            campaign = f"The brand {self.brand!r} has no campaign {self.campaign!r}."
            raise click.ClickException(campaign) from error

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number)
        self._interrupted.set()
        self._restore_signals()

    def _restore_signals(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def end_if_terminated(self) -> None:
        """Raise if SIGTERM has interrupted the command.

        Raises:
            Terminated: It has.
        """
        if self._signal is signal.SIGTERM:
            raise Terminated

    def _end_if_interrupted(self) -> None:
        """Raise if a signal has interrupted the command.

        Raises:
            Terminated: By SIGTERM.
            KeyboardInterrupt: By Ctrl-C.
        """
        if self._interrupted.is_set():
            self.end_if_terminated()
            raise KeyboardInterrupt

    def ask(self, request: JobRequest) -> RequestedJob:
        """Request a job for `do`; another worker may take it first."""
        requested = request_job(self._storage.jobs, self.brand, self.campaign, request)
        self._key = requested.key
        return requested

    def do(self, job: Job) -> Job:
        """Do a job to its end, or cancel it on Ctrl-C, and return the job."""
        find = partial(self._storage.jobs.find, self.brand, self.campaign, job.id)
        progress = JobProgressBar(self._progress)
        worker = Worker(self._storage.work, progress, self._interrupted.wait)
        with self._progress:
            while (job := find()).finished_at is None:
                if self._interrupted.is_set():
                    return cancel_job(self._storage.jobs, self.brand, self.campaign, job.id)
                progress.show(job)
                if not worker.do(self._key):
                    self._interrupted.wait(POLL_INTERVAL_S)
            progress.show(job)
        return job

    def blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        """Read a file.

        Raises:
            KeyboardInterrupt, Terminated: A signal was received.
        """
        sent, size = 0, _size_of(file)
        with self._progress:
            while block := file.read(BLOCK_BYTES):
                self._end_if_interrupted()
                yield block
                sent += len(block)
                self._progress.show("sending bytes", sent, size)

    def report(self, job: Job) -> None:
        """Print the refused lines."""
        with self.imports.refusals(self.brand, self.campaign, job.id) as refusals:
            output = streams.StandardOutput()
            for part in written(REPORT_COLUMNS, report_table(refusals), ListType.CSV):
                output.write(part)

    def purge(self) -> None:
        """Delete the files of the import."""
        while not self._interrupted.is_set() and self.imports.purge(system_clock()):
            pass

    def export(self, state: State | None, list_type: ListType, target: streams.Target) -> None:
        """Write the campaign's codes.

        Raises:
            KeyboardInterrupt, Terminated: A signal was received.
        """
        with self._storage.exports.codes(self.brand, self.campaign, state, system_clock()) as (
            count,
            rows,
        ):
            shown = self._counted(rows, count, hidden=target.isatty())
            for part in written(CODE_COLUMNS, code_table(shown), list_type):
                target.write(part)

    def _counted(
        self, rows: Iterator[Sequence[CodeRow]], total: int, *, hidden: bool
    ) -> Iterator[Sequence[CodeRow]]:
        """Show the number of rows, unless they are written to the same terminal."""
        done = 0
        with self._progress:
            for part in rows:
                self._end_if_interrupted()
                yield part
                done += len(part)
                if not hidden:
                    self._progress.show("exporting", done, total)


def _size_of(file: IO[bytes]) -> int | None:
    """Return the size of a file, `None` if it is unknown, as of a pipe."""
    try:
        return os.fstat(file.fileno()).st_size if file.seekable() else None
    except io.UnsupportedOperation:
        return None
