"""`discount codes`: bulk work from the command line, with the same use cases, and with progress.

A command does its job itself, in the foreground, with a lease that excludes other workers; if
another worker is faster, the command watches. Data goes to standard output, everything else to
standard error. Ctrl-C cancels the job; a second one does not wait for the current chunk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.cli import bulk, streams
from service.cli.files import new_file
from service.cli.parameters import EnumValue
from service.cli.session import Session
from service.cli.switching import disable, enable
from service.domain.jobs import MAX_GENERATED, JobKind, JobRequest
from service.domain.model import State
from service.domain.wording import counted
from service.formats.list_form import ListForm
from service.usecases.imports import import_codes


@click.group()
def codes() -> None:
    """Generate, import and export codes, in any number; disable and enable them."""


codes.add_command(disable)
codes.add_command(enable)


@codes.command()
@bulk.brand
@bulk.campaign
@click.option(
    "--count", type=click.IntRange(1, MAX_GENERATED), required=True, help="Number of codes."
)
def generate(brand: str, campaign: str, count: int) -> None:
    """Generate new codes."""
    with Session(brand, campaign) as session:
        job = session.do(session.ask(JobRequest(JobKind.GENERATE, count, bulk.who(), {})).job)
    bulk.end(session, job, f"{counted(job.done, 'code was', 'codes were')} made.")


@codes.command("import")
@bulk.brand
@bulk.campaign
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
    with bulk.opened_list(file) as source, Session(brand, campaign) as session:
        received = bulk.received(session, source, file)
        requested = import_codes(
            session.imports,
            session.ask,
            received,
            form=form,
            dry_run=dry_run,
            requested_by=bulk.who(),
        )
        job = session.do(requested.job)
        try:
            if job.failed:
                session.report(job)
        finally:
            session.purge()
    bulk.end(session, job, job.detail or "")


@codes.command()
@bulk.brand
@bulk.campaign
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
