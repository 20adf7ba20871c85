"""What the commands need: the database, a progress bar, and an ear for Ctrl-C."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import IO, Any, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from service.cli import streams
from service.cli.failures import database_name, require_database, sentence_of
from service.cli.group import Terminated
from service.container import build_storage
from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.jobs import Job, JobKind, Order
from service.domain.model import State
from service.formats.columns import CODE_COLUMNS, REPORT_COLUMNS
from service.formats.list_form import ListType
from service.formats.tables import code_table, report_table, written
from service.settings import Settings, load_settings
from service.store.migrations.current import why_not_ready
from service.usecases.jobs import add_job, cancel_job
from service.usecases.keys import JobKey
from service.usecases.ports.clock import system_clock
from service.usecases.ports.work import SpaceLow, Step
from service.usecases.working import Worker

POLL_INTERVAL_S = 0.2
"""How often a job is looked at that another worker does."""
BLOCK_BYTES = 64 * 1024
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Session:
    """One command at work on a campaign."""

    def __init__(self, brand: str, campaign: str) -> None:
        self.settings: Settings = load_settings()
        require_database(self.settings)
        self.brand, self.campaign = brand, campaign
        self._storage = build_storage(self.settings, threads=2)
        self.imports = self._storage.imports
        self._key: JobKey
        self._interrupted = threading.Event()
        self._signal: signal.Signals | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            SpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )

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
            raise click.ClickException(f"{database_name(self.settings)}: {why}.")
        self._before = {number: signal.signal(number, self._interrupt) for number in _SIGNALS}
        self._progress.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """End.

        Raises:
            ClickException: There is no such campaign.
        """
        self._progress.stop()
        self._restore_signals()
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
        """End if it was SIGTERM that has interrupted the command.

        Raises:
            Terminated: It was.
        """
        if self._signal is signal.SIGTERM:
            raise Terminated

    def _end_if_interrupted(self) -> None:
        """End what changes nothing any more once it is interrupted.

        Raises:
            Terminated: By SIGTERM.
            KeyboardInterrupt: By Ctrl-C.
        """
        if self._interrupted.is_set():
            self.end_if_terminated()
            raise KeyboardInterrupt

    def ask(self, order: Order) -> tuple[Job, bool]:
        """Ask for the job that `do` then does; another worker may take it first."""
        self._key, job, new = add_job(self._storage.jobs, self.brand, self.campaign, order)
        return job, new

    def do(self, job: Job) -> Job:
        """Do a job to its end, or cancel it on Ctrl-C, and return how it ended."""
        find = partial(self._storage.jobs.find, self.brand, self.campaign, job.id)
        bar = Bar(self._progress, job)
        worker = Worker(self._storage.work, bar, self._interrupted.wait)
        while (job := find()).finished_at is None:
            if self._interrupted.is_set():
                return cancel_job(self._storage.jobs, self.brand, self.campaign, job.id)
            bar.show(job)
            if not worker.do(self._key):
                self._interrupted.wait(POLL_INTERVAL_S)
        bar.show(job)
        return job

    def blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        """Read a file.

        Raises:
            KeyboardInterrupt, Terminated: It was interrupted.
        """
        task = self._progress.add_task("sending bytes", total=_size_of(file))
        while block := file.read(BLOCK_BYTES):
            self._end_if_interrupted()
            yield block
            self._progress.advance(task, len(block))

    def report(self, job: Job) -> None:
        """Print the lines that were refused."""
        with self.imports.refusals(self.brand, self.campaign, job.id) as refusals:
            output = streams.Output()
            for part in written(REPORT_COLUMNS, report_table(refusals), ListType.CSV):
                output.write(part)

    def purge(self) -> None:
        """Delete what the import has left."""
        while not self._interrupted.is_set() and self.imports.purge(system_clock()):
            pass

    def export(self, state: State | None, list_type: ListType, target: streams.Target) -> None:
        """Write the campaign's codes.

        Raises:
            KeyboardInterrupt, Terminated: It was interrupted.
        """
        with self._storage.exports.codes(self.brand, self.campaign, state) as (count, rows):
            task = self._progress.add_task("exporting", total=count)

            def counted() -> Iterator[Any]:
                for part in rows:
                    self._end_if_interrupted()
                    yield part
                    self._progress.advance(task, len(part))

            for part in written(CODE_COLUMNS, code_table(counted()), list_type):
                target.write(part)


def _size_of(file: IO[bytes]) -> int | None:
    """Return how long a file is, `None` if that is not known, as of a pipe."""
    try:
        return os.fstat(file.fileno()).st_size if file.seekable() else None
    except io.UnsupportedOperation:
        return None


class Bar:
    """Shows how far a job is."""

    def __init__(self, progress: Progress, job: Job) -> None:
        self._progress = progress
        self._task = progress.add_task("waiting", total=job.total)
        self._reason: str | None = None

    def show(self, job: Job) -> None:
        """Show it."""
        words = job.detail if job.kind == JobKind.IMPORT and job.detail else job.state.value
        self._progress.update(
            self._task, description=words, completed=job.done + job.failed, total=job.total
        )

    def chunk(self, step: Step) -> None:
        """Note a chunk."""
        self.show(step.job)

    def taken(self, job: Job) -> None:
        """Note nothing."""

    def ended(self, job: Job) -> None:
        """Note nothing."""

    def newer(self, key: JobKey) -> None:
        """Note nothing: it is another's job."""

    def lost(self, key: JobKey) -> None:
        """Note nothing: the job's row says why."""

    def waits(self, key: JobKey, error: Exception, seconds: float) -> None:
        """Say, once, what the job waits for."""
        low = isinstance(error, SpaceLow)
        words = "waiting for space on the disk" if low else "waiting for the database"
        self._progress.update(self._task, description=words)
        reason = sentence_of(error)
        if reason != self._reason:
            click.echo(f"The job waits: {reason or words}", err=True)
        self._reason = reason

    def broken(self, key: JobKey, error: Exception) -> None:
        """Name a fault of ours; its text may hold a code."""
        click.echo(f"The job is broken: {type(error).__name__}", err=True)

    def given_up(self, key: JobKey, attempts: int) -> None:
        """Note nothing: the job's row says why."""


class SpeedColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Show it."""
        return Text(f"{task.speed or 0:,.0f}/s")
