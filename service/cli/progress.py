"""Progress of long commands on a terminal."""

import os
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from service.cli import streams
from service.cli.failures import sentence_of
from service.domain.jobs import Job, JobKind
from service.usecases.keys import JobKey
from service.usecases.ports.work import SpaceLow, Step

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

RENDER_EVERY_S = 0.1


class Progress:
    """A progress bar on standard error, if that is a terminal.

    As a context manager, it restores the terminal in any case.
    """

    def __init__(self) -> None:
        self._hidden = not sys.stderr.isatty() or os.environ.get("TERM") == "dumb"
        self._bar: ProgressBar[Any] | None = None
        self._rendered = 0.0

    def __enter__(self) -> Self:
        """Start, without showing anything yet."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End."""
        self.end_line()

    def show(self, label: str, done: int, total: int | None) -> None:
        """Show the current activity, the amount done, and the total if it is known."""
        if self._hidden:
            return
        bar = self._bar = self._bar or _new_bar()
        bar.label, bar.pos, bar.length, bar.finished = label, done, total, False
        now = time.monotonic()
        if now - self._rendered >= RENDER_EVERY_S:
            self._rendered = now
            with suppress(OSError):  # the terminal may be gone, and the command goes on
                bar.update(0)

    def end_line(self) -> None:
        """Finish the current line, before other output or another activity."""
        if self._bar:
            with suppress(OSError):
                self._bar.update(0)
                self._bar.render_finish()
            self._bar, self._rendered = None, 0.0

    def write(self, sentence: str) -> None:
        """Write a sentence to standard error, on its own line."""
        self.end_line()
        streams.report(sentence)


def _new_bar() -> "ProgressBar[Any]":
    """Return a bar as wide as the terminal."""
    bar: ProgressBar[Any] = click.progressbar(
        length=0,
        width=0,
        show_pos=True,
        bar_template="%(label)s [%(bar)s] %(info)s",
        file=sys.stderr,
        update_min_steps=0,
        item_show_func=lambda _: f"{_rate(bar):,.0f}/s",
    )
    return bar


def _rate(bar: "ProgressBar[Any]") -> float:
    """Return the number done per second."""
    return bar.pos / max(time.time() - bar.start, 1.0)


class TableProgressBar:
    """The progress of work on tables, one after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._label = ""

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show the progress, each table on its own line."""
        if label != self._label:
            self._progress.end_line()
            self._label = label
        self._progress.show(label, done, total)


class JobProgressBar:
    """An observer that shows the progress of a job."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._reason: str | None = None
        self._shown = 0, 0

    def show(self, job: Job) -> None:
        """Show it."""
        label = job.detail if job.kind == JobKind.IMPORT and job.detail else job.state.value
        self._shown = job.done + job.failed, job.total
        self._progress.show(label, *self._shown)

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
        """Print what the job waits for, each reason once."""
        low = isinstance(error, SpaceLow)
        label = "waiting for space on the disk" if low else "waiting for the database"
        reason = sentence_of(error)
        if reason != self._reason:
            self._progress.write(f"The job waits: {reason or label}")
        self._reason = reason
        self._progress.show(label, *self._shown)

    def broken(self, key: JobKey, error: Exception) -> None:
        """Print the type of an internal error, whose text may contain a code."""
        self._progress.write(f"The job is broken: {type(error).__name__}")

    def given_up(self, key: JobKey, attempts: int) -> None:
        """Note nothing: the job's row says why."""
