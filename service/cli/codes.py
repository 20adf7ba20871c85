"""`discount codes`: much work from the command line, over the same use cases, with its progress.

A command does its job itself, in the foreground, under the lease that keeps every other worker
away from it; should another be faster, it watches. Data are on standard output, all else on
standard error. Ctrl-C cancels the job; a second one does not wait for the chunk in hand.
"""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from service.api.lists import ListType
from service.cli.session import Session
from service.domain.code_lists import ListForm
from service.domain.jobs import MAX_GENERATED, Job, JobKind, JobState, Order
from service.domain.model import State
from service.domain.names import DEFAULT_CAMPAIGN, MAX_NAME, is_name
from service.usecases.imports import import_codes, receive

INTERRUPTED = 130
"""The exit status that shells know for Ctrl-C."""
_LIST_TYPES = {"csv": ListType.CSV, "ndjson": ListType.NDJSON}


def _name(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if not is_name(text):
        raise click.BadParameter(f"not a name of 1 to {MAX_NAME} characters, without '/'.")
    return text


_brand = click.option("--brand", required=True, callback=_name, help="Whose codes.")
_campaign = click.option(
    "--campaign", default=DEFAULT_CAMPAIGN, show_default=True, callback=_name, help="Which pool."
)


@click.group()
def codes() -> None:
    """Make, import and export codes, any number of them."""


@codes.command()
@_brand
@_campaign
@click.option("--count", type=click.IntRange(1, MAX_GENERATED), required=True, help="How many.")
def generate(brand: str, campaign: str, count: int) -> None:
    """Make new codes."""
    with Session(brand, campaign) as session:
        job = session.do(session.ask(Order(JobKind.GENERATE, count, _who(), {}))[0])
    _end(job, f"{job.done} codes were made.")


@codes.command("import")
@_brand
@_campaign
@click.option("--format", "form", type=click.Choice(ListForm), help="How FILE is written  [csv].")
@click.option("--dry-run", is_flag=True, help="Check the list, and store nothing.")
@click.argument("file", type=click.File("rb"))
def import_(
    brand: str, campaign: str, form: ListForm | None, file: IO[bytes], *, dry_run: bool
) -> None:
    """Take the codes of FILE ('-' for standard input) in, all of them or none.

    Lines that are refused are printed as CSV, and the exit status is 1.
    """
    form = form or (ListForm.NDJSON if file.name.endswith(("json", "jsonl")) else ListForm.CSV)
    with Session(brand, campaign) as session:
        received = receive(
            session.imports,
            brand,
            campaign,
            session.blocks(file),
            session.settings.import_max_bytes,
        )
        job, _ = import_codes(
            session.imports, session.ask, received, form=form, dry_run=dry_run, requested_by=_who()
        )
        job = session.do(job)
        if job.failed:
            session.report(job)
        session.purge()
    _end(job, job.detail or "")


@codes.command()
@_brand
@_campaign
@click.option("--state", type=click.Choice(State), help="Only codes in this state.")
@click.option("--format", "list_type", type=click.Choice(list(_LIST_TYPES)), default="csv")
@click.option("--output", type=click.Path(path_type=Path), help="A new file  [standard output].")
def export(
    brand: str, campaign: str, state: State | None, list_type: str, output: Path | None
) -> None:
    """Write all codes of a campaign, as they are at one moment.

    They are secrets: nobody but you may read the file that is made.
    """
    with Session(brand, campaign) as session, _opened(output) as target:
        session.export(state, _LIST_TYPES[list_type], target)


def _end(job: Job, said: str) -> None:
    """Say how a job ended, and exit so that a shell knows it, too.

    Raises:
        ClickException: It failed, or rows were refused.
        Exit: It was cancelled.
    """
    if job.state is JobState.CANCELLED:
        click.echo(job.detail, err=True)
        raise click.exceptions.Exit(INTERRUPTED)
    if job.state is not JobState.SUCCEEDED or job.failed:
        raise click.ClickException(job.detail or "the job failed")
    click.echo(said, err=True)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """Open standard output, or a new file that is not there in the end unless it is whole.

    Raises:
        ClickException: The file cannot be made.
    """
    if output is None:
        yield sys.stdout.buffer
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be made: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
    except BaseException:
        output.unlink()
        raise


def _who() -> str:
    """Name whoever is at the command line, as the one who asked for a job."""
    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):
        return "command line"
