"""What commands of bulk work have in common: their options, lists, and how they end."""

import getpass
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from service.cli import streams
from service.cli.failures import sentence_of
from service.cli.group import INTERRUPTED
from service.cli.parameters import name
from service.cli.session import Session
from service.domain.errors import InvalidRequest, TooLarge
from service.domain.jobs import Job, JobKind, JobState
from service.domain.names import DEFAULT_CAMPAIGN
from service.usecases.imports import ReceivedFile, Upload, receive

_STANDARD = "-"

brand = click.option("--brand", required=True, callback=name, help="Brand of the codes.")
campaign = click.option(
    "--campaign",
    default=DEFAULT_CAMPAIGN,
    show_default=True,
    callback=name,
    help="Campaign of the codes.",
)


@contextmanager
def opened_list(file: str) -> Iterator[IO[bytes]]:
    """Open a list of codes.

    Raises:
        ClickException: The file cannot be read.
    """
    if file == _STANDARD:
        yield streams.input_()
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - what happens while it is open is not its fault
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    with source:
        yield source


def received(
    session: Session, source: IO[bytes], file: str, kind: JobKind = JobKind.IMPORT
) -> ReceivedFile:
    """Store a list as it is read, for a job of a kind.

    Raises:
        ClickException: The file cannot be read, or is not a list of codes.
    """
    try:
        return stored(session, session.blocks(source), kind)
    except (InvalidRequest, TooLarge) as error:
        raise click.ClickException(f"{_shown(file)}: {sentence_of(error)}") from error
    except OSError as error:
        raise _unreadable(file, error) from error


def stored(session: Session, blocks: Iterable[bytes], kind: JobKind) -> ReceivedFile:
    """Store a list for a job of a kind."""
    return receive(
        session.imports,
        session.brand,
        session.campaign,
        blocks,
        session.settings.import_max_bytes,
        upload=Upload(kind=kind),
    )


def _unreadable(file: str, error: OSError | ValueError) -> click.ClickException:
    reason = error.strerror if isinstance(error, OSError) else error
    return click.ClickException(f"{_shown(file)} cannot be read: {reason}.")


def _shown(file: str) -> str:
    return "Standard input" if file == _STANDARD else click.format_filename(file)


def end(session: Session, job: Job, result: str) -> None:
    """Print how a job ended, and exit with a matching status.

    Raises:
        ClickException: The job failed, or rows were refused.
        Exit: The job was cancelled.
    """
    if job.state is JobState.CANCELLED:
        streams.report(job.detail or "The job was cancelled.")
        session.end_if_terminated()
        raise click.exceptions.Exit(INTERRUPTED)
    if job.state is not JobState.SUCCEEDED or job.failed:
        raise click.ClickException(job.detail or "The job failed.")
    streams.report(result)


def who() -> str:
    """Return the name of the command line's user, for the requester of a job."""
    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):
        return "command line"
