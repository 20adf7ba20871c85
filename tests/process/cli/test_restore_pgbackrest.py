"""Debian's PostgreSQL and its pgBackRest: destroyed, and restored to a moment, as the runbook says.

Long: `test_restore_postgresql.py` does the same with what PostgreSQL itself brings.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.plugins.system_packages import find, require
from tests.process.cli.restoring import restore_to_a_moment
from tests.support.running import free_port
from tests.support.waiting import wait_until
from tests.tools.history.engines.postgresql import url_of

BINARIES = Path("/usr/lib/postgresql/15/bin")
"""Debian 12's."""
SERVER = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
archive_mode = on
archive_command = 'pgbackrest --config={folder}/pgbackrest.conf --stanza=discount archive-push %p'
"""
PGBACKREST = """
[global]
repo1-path={folder}/repository
repo1-retention-full=2
log-level-console=warn
log-level-file=off
lock-path={folder}/lock
start-fast=y
[discount]
pg1-path={folder}/data
pg1-port={port}
pg1-socket-path={folder}
pg1-user=postgres
"""
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


class PgBackRest:
    """A server whose write-ahead log pgBackRest archives."""

    tool = "pgbackrest"

    def __init__(self, folder: Path) -> None:
        self.address = ("127.0.0.1", free_port())
        self._folder = folder
        self._run_as = [] if os.geteuid() else ["runuser", "-u", "postgres", "--"]
        self._config = folder / "pgbackrest.conf"
        self.variables = {
            "BIN": BINARIES,
            "DATA": folder / "restored",
            "CONFIG": self._config,
            "AS": " ".join(self._run_as),
        }
        folder.chmod(0o755)
        self._config.write_text(PGBACKREST.format(folder=folder, port=self.address[1]))
        if self._run_as:
            for path in (folder, self._config):
                shutil.chown(path, "postgres", "postgres")
        self._run(BINARIES / "initdb", "--auth=trust", "--username=postgres", folder / "data")
        with (folder / "data/postgresql.auto.conf").open("a") as settings:
            settings.write(SERVER.format(folder=folder, port=self.address[1]))
        self._control(folder / "data", "start", "--wait", "--log", folder / "server.log")
        self._pgbackrest("stanza-create")
        with self.connect("postgres") as connection:
            connection.execute("CREATE DATABASE discount")

    def _run(self, *command):
        done = subprocess.run(
            [*self._run_as, *command], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert 0 == done.returncode, done.stdout

    def _pgbackrest(self, *command):
        self._run(require("pgbackrest"), f"--config={self._config}", "--stanza=discount", *command)

    def _control(self, data, *command):
        # A server keeps the output of pg_ctl open: nothing may wait for its end.
        whole = [*self._run_as, BINARIES / "pg_ctl", "--pgdata", data, "--silent", *command]
        subprocess.run(whole, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def connect(self, database="discount"):
        return psycopg.connect(url_of(self.address, database), autocommit=True)

    def take_base_backup(self):
        """Take one, and wait for the next second: a backup is only used for later ones."""
        self._pgbackrest("--type=full", "backup")
        ended = int(time.time())
        wait_until(lambda: int(time.time()) > ended)

    def archive_all(self):
        """By the tool's own check, which switches to the next segment and waits for it."""
        self._pgbackrest("check")

    def timelines(self):
        """Return the timeline of each full backup, the oldest first."""
        labels = sorted((self._folder / "repository/backup/discount").glob("*F/backup.manifest"))
        texts = [path.read_text() for path in labels]
        found = [re.search('backup-archive-start="0*([0-9A-F]+)[0-9A-F]{16}"', t) for t in texts]
        return [timeline[1] for timeline in found if timeline]

    def end(self):
        self._control(self._folder / "data", "stop", "--wait", "--mode=fast")

    def stop(self):
        """Stop whichever of the two servers runs."""
        for data in (self._folder / "data", self._folder / "restored"):
            pid = data / "postmaster.pid"
            if pid.exists():
                server = psutil.Process(int(pid.read_text().split()[0]))
                processes = [server, *server.children()]
                server.send_signal(signal.SIGQUIT)
                psutil.wait_procs(processes, timeout=60)


@contextmanager
def pgbackrest():
    with tempfile.TemporaryDirectory(prefix="discount-pgbackrest-") as folder:
        server = PgBackRest(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def test_the_runbook_restores_every_answer_with_pgbackrest(tmp_path):
    require("pgbackrest")
    if find(str(BINARIES / "postgres")) is None:
        pytest.skip("Debian 12's PostgreSQL 15 is not installed: make system-packages")
    with pgbackrest() as server:
        restore_to_a_moment(server, tmp_path)
        assert ["1", "2"] == server.timelines(), "the last backup is of the restored server"
