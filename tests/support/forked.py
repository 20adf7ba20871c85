"""Processes of the service that start at once: forked from one that has imported most of it.

An interpreter that imports the service takes seconds of a processor, and the tests start hundreds.
A forked process runs `discount` from its first line on; only the imports are there already. Tests
of the start itself, of terminals and of what a process has inherited start the command instead.
"""

import atexit
import importlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import reduction
from typing import IO, Any

import service

# Nothing that imports prometheus_client, which reads the environment while it is imported.
PRELOADED = [
    "__main__",
    *("service.cli.serving", "service.auth.authentication", "service.observability.logging"),
    *("service.store.repositories.exports", "service.store.repositories.status"),
    *("service.store.repositories.store", "service.store.maintenance.purging"),
    *("service.store.imports.files", "service.store.jobs.leases"),
    *("apispec.ext.marshmallow", "flasgger", "flask_swagger_ui", "redis", "webargs.flaskparser"),
    *("gunicorn.app.wsgiapp", "gunicorn.workers.gthread", __name__),
]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(PRELOADED)
WITHIN_S = 120
"""The limit of a start; generous, for busy machines."""


class Forked:
    """A running `discount` command, with the interface of `subprocess.Popen`.

    Args:
        words: The command and its options.
        env: Its environment.
        stdout: What it writes to.
        stderr: The same for errors; by default those of the tests.
    """

    def __init__(
        self,
        words: Sequence[str],
        env: Mapping[str, str],
        stdout: IO[bytes],
        stderr: IO[bytes] | None = None,
    ) -> None:
        files = [_File(stdout.fileno()), _File(stderr.fileno() if stderr else 2)]
        self._process = CONTEXT.Process(
            target=_run, args=(list(words), dict(env), files), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the number of the signal that ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("discount", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(words: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = Forked(words, env, output, errors)
        try:
            status = process.wait(WITHIN_S)
        finally:
            process.kill()
        streams = []
        for file in (output, errors):
            file.seek(0)
            streams.append(file.read().decode())
    return subprocess.CompletedProcess(list(words), status, *streams)


def server_pid() -> int | None:
    """Return the process that forks; it ends with the interpreter that started it."""
    found: int | None = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined] # noqa: SLF001
    return found


class _File:
    """An open file that a forked process gets, whatever its number there."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> Any:
        return reduction.DupFd(self.number)

    def __setstate__(self, duplicate: Any) -> None:
        self.number = duplicate.detach()


def _run(words: list[str], env: dict[str, str], files: list[_File]) -> None:
    """Become a `discount` process; `serve` runs gunicorn here, instead of replacing the process."""
    for number, file in enumerate(files, start=1):
        os.dup2(file.number, number)
    for file in files:
        os.close(file.number)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    measured = {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
    os.environ.clear()
    os.environ.update(env | measured)
    importlib.reload(service)  # it reads the environment
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.execv = _run_module  # type: ignore[assignment]
    from service.cli import main

    try:
        main(words)
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 - multiprocessing does not


def _run_module(_path: str, command: list[str]) -> None:
    """Run `python -m MODULE OPTIONS` here."""
    _, _, module, *options = command
    sys.argv = [module, *options]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
