"""`discount codes disable` and `enable`: codes that are named, of a file, or of a selection."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import orjson

from service.cli import bulk
from service.cli.parameters import EnumValue
from service.cli.session import Session
from service.domain.code_selection import Selection
from service.domain.codes import is_code
from service.domain.jobs import Job, JobKind, JobRequest
from service.domain.model import Millis, State
from service.formats.columns import CODE
from service.formats.list_form import ListForm
from service.formats.timestamps import parse_timestamp
from service.usecases.imports import import_codes
from service.usecases.switching import DRY_RUN, WHERE

Command = TypeVar("Command", bound=Callable[..., Any])
_MOMENTS = {
    "created-before": "Codes that were created before this moment.",
    "created-after": "Codes that were created at this moment or later.",
    "reserved-before": "Codes that were reserved before this moment.",
    "reserved-after": "Codes that were reserved at this moment or later.",
}


class CodeText(click.ParamType[str]):
    """A code."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a code, which is not repeated if it is none."""
        if not is_code(value):
            self.fail("One of the arguments has not the form of a code.", param, ctx)
        return value


class Moment(click.ParamType[Millis]):
    """A moment as in RFC 3339."""

    name = "moment"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Millis:
        """Return the moment of a timestamp."""
        try:
            return parse_timestamp(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _with_options(command: Command) -> Command:
    """Add what both commands take."""
    states = [state for state in State if state is not State.REDEEMED]
    added: list[Callable[[Command], Command]] = [
        bulk.brand,
        bulk.campaign,
        click.argument("code", nargs=-1, type=CodeText()),
        click.option("--file", help="Codes of FILE ('-' for standard input)."),
        click.option("--state", type=EnumValue(State), help=f"Codes that are {_listed(states)}."),
        *(click.option(f"--{name}", type=Moment(), help=text) for name, text in _MOMENTS.items()),
        click.option("--dry-run", is_flag=True, help="Count the codes, and change nothing."),
    ]
    for add in reversed(added):
        command = add(command)
    return command


def _listed(states: Sequence[State]) -> str:
    return f"{', '.join(states[:-1])} or {states[-1]}"


@click.command()
@_with_options
def disable(**options: Any) -> None:
    """Disable each CODE, those of a file, or those for which all given options hold.

    Rejected codes are printed as CSV; the exit status is then 1. A disabled code keeps its holder.
    """
    _switch(JobKind.DISABLE, **options)


@click.command()
@_with_options
def enable(**options: Any) -> None:
    """Enable each CODE, those of a file, or those for which all given options hold.

    Codes that were retired, or whose holder was erased, stay disabled.
    """
    _switch(JobKind.ENABLE, **options)


def _switch(
    kind: JobKind,
    *,
    brand: str,
    campaign: str,
    code: tuple[str, ...],
    file: str | None,
    dry_run: bool,
    **where: Any,
) -> None:
    selection = Selection(**where)
    _require_one_source(code, file, selection)
    with Session(brand, campaign) as session:
        if code or file:
            job = _switch_list(session, kind, code, file, dry_run=dry_run)
        else:
            parameters = {WHERE: selection.as_object(), DRY_RUN: dry_run}
            asked = session.ask(JobRequest(kind, 0, bulk.who(), parameters))
            job = session.do(asked.job)
    bulk.end(session, job, job.detail or "")


def _require_one_source(code: tuple[str, ...], file: str | None, selection: Selection) -> None:
    """Require codes, a file, or a selection.

    Raises:
        UsageError: There are none, or several, or the selection is empty for another reason.
    """
    if sum(map(bool, (code, file, selection.as_object()))) != 1:
        raise click.UsageError("Name codes, or give a --file, or options that select codes.")
    if selection.state is State.REDEEMED:
        raise click.UsageError("Redeemed codes stay as they are.")
    for fault in selection.faults() if selection.as_object() else ():
        raise click.UsageError(f"{fault.pointer.rpartition('/')[2]}: {fault.detail}")


def _switch_list(
    session: Session, kind: JobKind, code: tuple[str, ...], file: str | None, *, dry_run: bool
) -> Job:
    """Do the job of a list, and print the lines that were refused."""
    if file is None:
        form = ListForm.NDJSON
        block = b"".join(orjson.dumps({CODE: each}) + b"\n" for each in code)
        received = bulk.stored(session, [block], kind)
    else:
        form = ListForm.of_file(file)
        with bulk.opened_list(file) as source:
            received = bulk.received(session, source, file, kind)
    requested = import_codes(
        session.imports,
        session.ask,
        received,
        form=form,
        dry_run=dry_run,
        requested_by=bulk.who(),
        kind=kind,
    )
    job = session.do(requested.job)
    try:
        if job.failed:
            session.report(job)
    finally:
        session.purge()
    return job
