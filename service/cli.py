"""The `discount` command; it has the same settings and defaults as the service.

A command imports what it alone needs, so that `token` and `serve` start at once.
"""

import gc
import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click

from service import __version__
from service.auth.caller import Scope
from service.auth.keys import load_keys
from service.auth.tokens import issue_token
from service.domain.errors import Problem
from service.open_files import connections
from service.settings import (
    DEFAULT_METRICS_PORT,
    HOME,
    Settings,
    SettingsError,
    as_database_url,
    load_settings,
)
from service.store.errors import MaintenanceError
from service.store.revision import Standing, fit_revision, standing_of, upgraded
from service.store.sqlite.files import require_file

SERVER = [sys.executable, "-m", "gunicorn", "--config", str(HOME / "config" / "gunicorn.conf.py")]
DISCOUNT = [sys.executable, "-m", "service.cli"]
CODES = "codes"


class PlainErrors(click.Group):
    """Says what is wrong in a sentence instead of a stack."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the chosen command.

        Raises:
            ClickException: What went wrong, as a sentence.
        """
        try:
            return super().invoke(ctx)
        except (SettingsError, Problem, MaintenanceError) as error:
            raise click.ClickException(str(error)) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted([*super().list_commands(ctx), CODES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; those on many codes are a module of their own, which takes time."""
        if cmd_name == CODES:
            from service.bulk.commands import codes

            return codes
        return super().get_command(ctx, cmd_name)


@click.group(cls=PlainErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="discount")
def main() -> None:
    """Run and look after the Discount Service.

    Settings come from the environment; config/example.env lists them.
    """


@main.command()
@click.option("--upgrade", is_flag=True, help="First do what `db upgrade` does.")
def run(*, upgrade: bool) -> None:
    """Serve over HTTP and do jobs, each in processes that are started again if they die."""
    from service.observability.logging import build_logger
    from service.supervisor import Child, Supervisor

    settings = _ready_to_serve(makes_file=upgrade)
    fit = fit_revision(settings) if upgrade else None
    if fit and standing_of(fit) is Standing.NEWER:
        click.echo(upgraded(fit), err=True)
    if upgrade and not fit:
        # Apart: a pool has threads, and who has threads must not fork, as a supervisor does.
        done = subprocess.run([*DISCOUNT, "db", "upgrade"], check=False)  # noqa: S603 - ours
        if done.returncode:
            sys.exit(done.returncode)
    children = [Child("server", SERVER), Child("worker", [*DISCOUNT, "worker"])]
    sys.exit(Supervisor(children, build_logger(settings)).run())


@main.command()
def serve() -> None:
    """Serve over HTTP until told to stop."""
    _ready_to_serve()
    os.execv(SERVER[0], SERVER)  # noqa: S606 - no shell, and every word is ours


def _ready_to_serve(*, makes_file: bool = False) -> Settings:
    """Read the settings, and fail early and clearly where they cannot be used.

    Raises:
        SettingsError: One is missing or wrong, or a port is taken.
        MaintenanceError: There is no database file, and nobody is to make it.
    """
    settings = load_settings()
    load_keys(settings)
    connections(settings)
    if not makes_file:
        require_file(settings)
    _require_free("PORT", settings.host, settings.port)
    if settings.insists_on_metrics_port:
        metrics_port = settings.metrics_port or DEFAULT_METRICS_PORT
        _require_free("METRICS_PORT", settings.host, metrics_port)
    return settings


@main.command()
@click.option("--check", is_flag=True, help="Only say whether a worker has what it needs.")
def worker(*, check: bool) -> None:
    """Do jobs until told to stop, one at a time.

    Any number of workers may run beside each other, each for as long as it likes.
    """
    gc.disable()  # what imports make is no garbage: looking for it takes a quarter of them
    from service.worker import run_worker, what_is_missing

    gc.enable()
    settings = load_settings()
    require_file(settings)
    if not check:
        run_worker(settings)
    elif missing := what_is_missing(settings):
        raise click.ClickException("\n".join(missing))


@main.command()
@click.option("--subject", required=True, help="Whom the token stands for.")
@click.option("--scope", default=" ".join(Scope), help="What it allows, between spaces  [all].")
@click.option(
    "--brand",
    "brands",
    multiple=True,
    required=True,
    help="A brand that it may know of, or '*' for all; may be repeated.",
)
@click.option(
    "--ttl", type=click.IntRange(min=1), default=3600, show_default=True, help="Seconds it lasts."
)
def token(subject: str, scope: str, brands: tuple[str, ...], ttl: int) -> None:
    """Print a bearer token, signed with the service's own secret."""
    settings = load_settings()
    keys = load_keys(settings)
    click.echo(issue_token(settings, keys, subject=subject, scope=scope, brands=brands, ttl_s=ttl))


@main.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
def upgrade_tables() -> None:
    """Make the tables, or bring them up to date."""
    settings = load_settings()
    revision = fit_revision(settings)
    if revision is None:
        from flask import Flask

        from service.store.engines import open_database
        from service.store.upgrade import upgrade

        with closing(open_database(Flask(__name__), settings, threads=1)) as database:
            revision = upgrade(database)
    click.echo(upgraded(revision), err=True)


@db.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def back_up(file: Path) -> None:
    """Copy the live SQLite database to FILE, which must not exist.

    The copy is one file of one moment, and on the disk when the command ends. Whoever has it
    has every code: keep it as you keep the database.
    """
    from service.store.sqlite.backup import backup

    size = backup(load_settings().database_url, file)
    click.echo(f"{file} has the database as it was when this began, {size} bytes.", err=True)


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
    from service.progress import shown_progress
    from service.store.copy import copy

    urls = as_database_url(source, "FROM"), as_database_url(target, "TO")
    with shown_progress() as report:
        rows = copy(*urls, report, restart=restart)
    click.echo(f"All {rows} rows are copied, and both databases have the same.", err=True)


@main.command()
def verify() -> None:
    """Check every promise in the live database; exit status 1 if one is broken.

    It changes nothing, and no call of the service waits for it. It names brands, campaigns and
    tables, but no code and no user.
    """
    from service.store.verify import verify as findings_in

    broken = []
    for found in findings_in(load_settings().database_url):
        line = f"{found.breaches:9}  {found.name:17}  {found.meaning}"
        if found.breaches:
            line = f"{line}, but not here: {found.where}"
            broken.append(f"{found.name}: {found.where}")
        click.echo(line)
    if broken:
        raise click.ClickException("\n".join(["this is broken:", *broken]))


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from service.api.document import build_document
    from service.app import create_app

    click.echo(json.dumps(build_document(create_app(load_settings())), indent=2))


def _require_free(name: str, host: str, port: int) -> None:
    """Fail early and clearly where somebody else listens already.

    Raises:
        SettingsError: The port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"{name}={port} on {host} cannot be listened on: {error.strerror}."
            ) from error


if __name__ == "__main__":
    main()
