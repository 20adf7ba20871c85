"""`discount codes`: bulk work from the command line, with the same use cases, and with progress.

A command does its job itself, in the foreground, with a lease that excludes other workers; if
another worker is faster, the command watches. Data goes to standard output, everything else to
standard error. Ctrl-C cancels the job; a second one does not wait for the current chunk.
"""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from service.cli import streams
from service.cli.failures import sentence_of
from service.cli.files import new_file
from service.cli.group import INTERRUPTED
from service.cli.parameters import EnumValue, name
from service.cli.session import Session
from service.domain.errors import InvalidRequest, TooLarge
from service.domain.jobs import MAX_GENERATED, Job, JobKind, JobRequest, JobState
from service.domain.model import State
from service.domain.names import DEFAULT_CAMPAIGN
from service.domain.wording import counted
from service.formats.list_form import ListForm
from service.usecases.imports import ReceivedFile, import_codes, receive

_STANDARD = "-"

_brand = click.option("--brand", required=True, callback=name, help="Brand of the codes.")
_campaign = click.option(
    "--campaign",
    default=DEFAULT_CAMPAIGN,
    show_default=True,
    callback=name,
    help="Campaign of the codes.",
)


@click.group()
def codes() -> None:
    """Generate, import and export codes, in any number."""


@codes.command()
@_brand
@_campaign
@click.option(
    "--count", type=click.IntRange(1, MAX_GENERATED), required=True, help="Number of codes."
)
def generate(brand: str, campaign: str, count: int) -> None:
    """Generate new codes."""
    with Session(brand, campaign) as session:
        job = session.do(session.ask(JobRequest(JobKind.GENERATE, count, _who(), {})).job)
    _end(session, job, f"{counted(job.done, 'code was', 'codes were')} made.")


@codes.command("import")
@_brand
@_campaign
@click.option(
    "--format",
    "form",
    type=EnumValue(ListForm),
    help="Format of FILE.  [default: ndjson if its name ends in json or jsonl, else csv]",
)
@click.option("--dry-run", is_flag=True, help="Validate the list, and store nothing.")
@click.argument("file")
def import_(brand: str, campaign: str, form: ListForm | None, file: str, *, dry_run: bool) -> None:
    """Import all codes of FILE ('-' for standard input), or none of them.

    Rejected lines are printed as CSV; the exit status is then 1.
    """
    form = form or ListForm.of_file(file)
    with _opened_list(file) as source, Session(brand, campaign) as session:
        received = _received(session, source, file)
        requested = import_codes(
            session.imports, session.ask, received, form=form, dry_run=dry_run, requested_by=_who()
        )
        job = session.do(requested.job)
        try:
            if job.failed:
                session.report(job)
        finally:
            session.purge()
    _end(session, job, job.detail or "")


@contextmanager
def _opened_list(file: str) -> Iterator[IO[bytes]]:
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


def _received(session: Session, source: IO[bytes], file: str) -> ReceivedFile:
    """Store a list as it is read.

    Raises:
        ClickException: The file cannot be read, or is not a list of codes.
    """
    try:
        return receive(
            session.imports,
            session.brand,
            session.campaign,
            session.blocks(source),
            session.settings.import_max_bytes,
        )
    except (InvalidRequest, TooLarge) as error:
        raise click.ClickException(f"{_shown(file)}: {sentence_of(error)}") from error
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: str, error: OSError | ValueError) -> click.ClickException:
    reason = error.strerror if isinstance(error, OSError) else error
    return click.ClickException(f"{_shown(file)} cannot be read: {reason}.")


def _shown(file: str) -> str:
    return "Standard input" if file == _STANDARD else click.format_filename(file)


@codes.command()
@_brand
@_campaign
@click.option("--state", type=EnumValue(State), help="Export only codes in this state.")
@click.option(
    "--format",
    "form",
    type=EnumValue(ListForm),
    default=ListForm.CSV,
    show_default=True,
    help="Format of the output.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File to create.  [default: standard output]",
)
def export(
    brand: str, campaign: str, state: State | None, form: ListForm, output: Path | None
) -> None:
    """Export a snapshot of all codes of a campaign.

    Codes are secrets: only you can read the file that is created.
    """
    with Session(brand, campaign) as session, _opened(output) as target:
        session.export(state, form.media_type, target)


def _end(session: Session, job: Job, result: str) -> None:
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


@contextmanager
def _opened(output: Path | None) -> Iterator[streams.Target]:
    """Open standard output, or a new file, which is removed unless it becomes complete.

    Raises:
        ClickException: The file cannot be created or written.
    """
    if output is None:
        yield streams.StandardOutput()
        return
    with new_file(output) as target:
        yield target


def _who() -> str:
    """Return the name of the command line's user, for the requester of a job."""
    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):
        return "command line"
