"""`discount db` and `discount verify`: maintenance of the database."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli import streams
from service.cli.failures import failures_of
from service.domain.wording import counted
from service.settings import Settings, as_database_url, load_settings, sqlite_file
from service.store.engines import engine_of
from service.store.errors import MaintenanceError
from service.store.migrations.revisions import RevisionStatus, newest_revision, revision_status

if TYPE_CHECKING:
    from service.store.maintenance.structure import Structure


def upgraded(found: str | None) -> str:
    """Return the message of a finished upgrade."""
    if revision_status(found) is RevisionStatus.NEWER:
        return (
            f"Nothing to do: the database is at revision {found}, newer than {newest_revision()}, "
            "which this version wants and newer tables serve as well."
        )
    return f"The database is at revision {found}."


@click.group()
def db() -> None:
    """Migrate, back up and copy the database."""


@db.command("upgrade")
def upgrade_tables() -> None:
    """Create the database and its tables, or migrate the tables."""
    settings = load_settings()
    failures_of(settings).require_no_other()
    revision = engine_of(settings.database_url).fit_revision(settings)
    if revision is None:
        from service.container.storage import build_storage
        from service.store.maintenance.upgrade import upgrade

        with closing(build_storage(settings, threads=1).database) as database:
            revision = upgrade(database)
    streams.report(upgraded(revision))


@db.command("drop-queue")
def drop_queue() -> None:
    """Remove the job queue of version 0.1, once no process runs that version any more."""
    from service.container.storage import build_storage
    from service.store.maintenance.old_queue import drop_old_queue

    settings = load_settings()
    failures_of(settings).require_database()
    with closing(build_storage(settings, threads=1).database) as database:
        removed = drop_old_queue(database, settings)
    streams.report(f"Removed: {', '.join(removed)}." if removed else "There is none.")


@db.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def back_up(file: Path) -> None:
    """Copy the live SQLite database to FILE, which must not exist.

    The backup is a single file with a snapshot, and is on the disk when the command ends. It
    contains every code: protect it like the database.
    """
    from service.store.sqlite.backup import backup

    settings = load_settings()
    failures_of(settings).require_no_other()
    size = counted(backup(settings.database_url, file), "byte")
    streams.report(f"{file} is a backup of the database as of the start of this command, {size}.")


@db.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--restart", is_flag=True, help="Terminate an interrupted copy that still blocks TO.")
def copy_database(source: str, target: str, *, restart: bool) -> None:
    """Copy the SQLite database FROM into the PostgreSQL database TO, and compare the two.

    Both are URLs, like DISCOUNT_DATABASE_URL. Stop the service first: if FROM changes meanwhile,
    the copy fails. TO must have no rows; missing tables are created. The copy is one transaction:
    TO is unchanged until the end, and an interrupted copy leaves nothing behind.
    """
    from service.cli.progress import Progress, TableProgressBar
    from service.observability.logging import database_error
    from service.store.maintenance.copy import copy
    from service.store.sqlite.failures import SQLiteFailures

    urls = as_database_url(source, "FROM"), as_database_url(target, "TO")
    failures = SQLiteFailures(urls[0], "FROM") if sqlite_file(urls[0]) else None
    if failures:
        failures.require_source()
    try:
        with Progress() as progress:
            rows = copy(*urls, TableProgressBar(progress), restart=restart)
    except MaintenanceError:
        raise
    except Exception as error:
        reason = database_error(error) or ""
        if failures and reason.startswith("SQLITE_"):
            raise click.ClickException(failures.describe(error, reason)) from error
        raise
    copied = counted(rows, "row was", "rows were")
    streams.report(f"{copied} copied, and both databases have the same.")


@click.command()
@click.option(
    "--erasures",
    "file",
    type=click.Path(path_type=Path),
    help="A list of `discount erasures export`, whose users must not be stored.",
)
def verify(file: Path | None) -> None:
    """Check every guarantee in the live database; the exit status is 1 if one is broken.

    The command changes nothing and blocks no call of the service. It names brands, campaigns
    and tables, but no code and no user.
    """
    from service.store.maintenance.verify import verify as findings_in

    settings, broken = load_settings(), []
    failures_of(settings).require_no_other()
    more = (_check_of_erasures(settings, file),) if file else ()
    for found in findings_in(settings.database_url, *more):
        line = f"{found.breaches:9}  {found.name:17}  {found.meaning}"
        if found.breaches:
            line = f"{line}, but not here: {found.where}"
            broken.append(f"{found.name}: {found.where}")
        streams.write_line(line)
    if broken:
        raise click.ClickException("\n".join(["broken guarantees:", *broken]))


def _check_of_erasures(settings: Settings, file: Path) -> "Structure":
    from service.cli.erasures import erasures_in, tombstones_in
    from service.store.maintenance.erasures import check_of

    return check_of(tombstones_in(settings), erasures_in(file))
