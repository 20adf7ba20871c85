"""`discount run`, `serve` and `worker`: the service itself."""

import gc
import os
import socket
import subprocess
import sys
from functools import partial

import click

from service.auth.keys.loading import load_keys
from service.cli import streams
from service.cli.database import upgraded
from service.cli.failures import failures_of, sentence_of
from service.server.open_files import connections
from service.settings import DEFAULT_METRICS_PORT, Settings, SettingsError, load_settings
from service.store.engines import engine_of
from service.store.migrations.revisions import RevisionStatus, revision_status

SERVER = [sys.executable, "-m", "gunicorn", "--config", "python:service.server.configuration"]
DISCOUNT = [sys.executable, "-m", "service.cli"]
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - they are compared with
READY_WITHIN_S = 1.0
"""How long to wait for an answer about readiness, before the next question."""


@click.command()
@click.option("--upgrade", is_flag=True, help="Run `db upgrade` first.")
@click.option(
    "--hints", is_flag=True, help="Say when it is ready, how to get a token, and where to begin."
)
def run(*, upgrade: bool, hints: bool) -> None:
    """Run a server and a job worker, and restart them if they die."""
    from service.cli.supervisor import Child, Supervisor
    from service.observability.logging import build_logger

    settings = _ready_to_serve(makes_file=upgrade)
    fit = engine_of(settings.database_url).fit_revision(settings) if upgrade else None
    if fit and revision_status(fit) is RevisionStatus.NEWER:
        streams.report(upgraded(fit))
    if upgrade and not fit:
        # Apart: a pool has threads, and who has threads must not fork, as a supervisor does.
        done = subprocess.run([*DISCOUNT, "db", "upgrade"], check=False)  # noqa: S603 - ours
        if done.returncode:
            sys.exit(done.returncode)
    children = [Child("server", SERVER), Child("worker", [*DISCOUNT, "worker"])]
    announce = partial(_announce, settings) if hints else lambda: True
    sys.exit(Supervisor(children, build_logger(settings), announce).run())


def _announce(settings: Settings) -> bool:
    """Say once it is ready how to get a token and where to begin; return whether it is ready."""
    if not _is_ready(settings):
        return False
    host = "127.0.0.1" if settings.host in EVERYWHERE else settings.host
    host = f"[{host}]" if ":" in host else host
    streams.report(f"Ready.    http://{host}:{settings.port}/apidocs/")
    streams.report(f"A token:  {sys.argv[0]} token --subject me --brand '*'")
    return True


def _is_ready(settings: Settings) -> bool:
    """Return whether the server says that it is ready."""
    try:
        with socket.create_connection((settings.host, settings.port), READY_WITHIN_S) as asking:
            asking.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            return b" 200 " in asking.recv(64)
    except OSError:
        return False


@click.command()
def serve() -> None:
    """Run a server until it is stopped."""
    _ready_to_serve()
    os.execv(SERVER[0], SERVER)  # noqa: S606 - no shell, and every word is ours


def _ready_to_serve(*, makes_file: bool = False) -> Settings:
    """Read the settings, and fail early if they cannot be used.

    Raises:
        SettingsError: A setting is missing or wrong, or a port is in use.
        MaintenanceError: The database file does not exist, and will not be created.
    """
    settings = load_settings()
    load_keys(settings)
    connections(settings)
    _require_free("PORT", settings.host, settings.port)
    if settings.requires_metrics_port:
        metrics_port = settings.metrics_port or DEFAULT_METRICS_PORT
        _require_free("METRICS_PORT", settings.host, metrics_port)
    if makes_file:
        failures_of(settings).require_no_other()
    else:
        failures_of(settings).require_database()
    return settings


@click.command()
@click.option(
    "--check", is_flag=True, help="Only check whether a worker has everything that it needs."
)
def worker(*, check: bool) -> None:
    """Run a job worker until it is stopped.

    A worker runs one job at a time. Any number of workers may run side by side.
    """
    gc.disable()  # imports make no garbage, and collections take a quarter of their time
    from service.worker.process import run_worker, what_is_missing

    gc.enable()
    settings = load_settings()
    failures_of(settings).require_database()
    if not check:
        run_worker(settings)
    elif missing := what_is_missing(settings, failures_of(settings).name, sentence_of):
        raise click.ClickException("\n".join(missing))


def _require_free(name: str, host: str, port: int) -> None:
    """Fail early if a port is in use.

    Raises:
        SettingsError: The port is in use.
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
