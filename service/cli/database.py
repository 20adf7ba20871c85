"""`discount db` and `discount verify`: looking after the database."""

from contextlib import closing
from pathlib import Path

import click

from service.cli import streams
from service.cli.failures import (
    require_database,
    require_no_other_file,
    require_source,
    source_failure,
)
from service.domain.wording import counted
from service.settings import as_database_url, load_settings
from service.store.errors import MaintenanceError
from service.store.migrations.revisions import upgraded
from service.store.sqlite.fit_revision import fit_revision


@click.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
def upgrade_tables() -> None:
    """Make the database and its tables, or bring the tables up to date."""
    settings = load_settings()
    require_no_other_file(settings)
    revision = fit_revision(settings)
    if revision is None:
        from service.container import build_storage
        from service.store.maintenance.upgrade import upgrade

        with closing(build_storage(settings, threads=1).database) as database:
            revision = upgrade(database)
    click.echo(upgraded(revision), err=True)


@db.command("drop-queue")
def drop_queue() -> None:
    """Remove the queue that version 0.1 has left, when nobody runs that any more."""
    from service.container import build_storage
    from service.store.maintenance.old_queue import drop_old_queue

    settings = load_settings()
    require_database(settings)
    with closing(build_storage(settings, threads=1).database) as database:
        removed = drop_old_queue(database, settings)
    click.echo(f"Removed: {', '.join(removed)}." if removed else "There is none.", err=True)


@db.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def back_up(file: Path) -> None:
    """Copy the live SQLite database to FILE, which must not exist.

    The copy is one file of one moment, and on the disk when the command ends. Whoever has it
    has every code: keep it as you keep the database.
    """
    from service.store.sqlite.backup import backup

    settings = load_settings()
    require_no_other_file(settings)
    size = counted(backup(settings.database_url, file), "byte")
    click.echo(f"{file} has the database as it was when this began, {size}.", err=True)


@db.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--restart", is_flag=True, help="End an interrupted copy that still holds TO.")
def copy_database(source: str, target: str, *, restart: bool) -> None:
    """Copy the SQLite database FROM into the PostgreSQL database TO, and compare the two.

    Both are URLs, as DISCOUNT_DATABASE_URL has them. Stop the service first: what is written to
    FROM meanwhile makes the copy fail. TO must have no rows; the tables are made. It is one
    transaction: until the end TO is as it was, and an interrupted copy leaves nothing behind.
    """
    from service.cli.progress import shown_progress
    from service.store.maintenance.copy import copy

    urls = as_database_url(source, "FROM"), as_database_url(target, "TO")
    require_source(urls[0])
    try:
        with shown_progress() as report:
            rows = copy(*urls, report, restart=restart)
    except MaintenanceError:
        raise
    except Exception as error:
        if sentence := source_failure(error, urls[0]):
            raise click.ClickException(sentence) from error
        raise
    copied = counted(rows, "row was", "rows were")
    click.echo(f"{copied} copied, and both databases have the same.", err=True)


@click.command()
def verify() -> None:
    """Check every promise in the live database; the exit status is 1 if one is broken.

    It changes nothing, and no call of the service waits for it. It names brands, campaigns and
    tables, but no code and no user.
    """
    from service.store.maintenance.verify import verify as findings_in

    settings, broken = load_settings(), []
    require_no_other_file(settings)
    for found in findings_in(settings.database_url):
        line = f"{found.breaches:9}  {found.name:17}  {found.meaning}"
        if found.breaches:
            line = f"{line}, but not here: {found.where}"
            broken.append(f"{found.name}: {found.where}")
        streams.write_line(line)
    if broken:
        raise click.ClickException("\n".join(["this is broken:", *broken]))
