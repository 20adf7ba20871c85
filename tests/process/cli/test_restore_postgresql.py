"""A PostgreSQL that archives its log, destroyed and restored to a moment, as the runbook has it."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.process.cli.restoring import restore_to_a_moment
from tests.support.waiting import wait_until
from tests.tools.history.engines.postgresql import PostgreSQL, url_of


class Archived:
    """A server that archives its log, and its base backup.

    Args:
        folder: Where everything is; its own user may write there.
        log: The file that it logs to.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        self.base, self.archive = folder / "base", folder / "wal"
        self.data, self.restored = folder / "data", folder / "restored"
        self.server = PostgreSQL(self.data, log)
        self.bin = self.server.binaries
        folder.chmod(0o755)
        self.archive.mkdir()
        for path in (folder, self.archive):
            shutil.chown(path, self.server.user or os.geteuid())
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(self._settings())
        self.server.start()
        with self.server.connect("postgres") as connection:
            connection.execute("CREATE DATABASE discount")

    def _settings(self) -> str:
        to = f"{self.archive}/%f"
        lines = (
            "archive_mode = on",
            f"""archive_command = 'test ! -f "{to}" && cp "%p" "{to}"'""",
            "listen_addresses = '127.0.0.1'",
            f"port = {self.server.address[1]}",
            "unix_socket_directories = ''",
            "fsync = off",  # the machine does not fail here
        )
        return "".join(f"{line}\n" for line in lines)

    tool = "pg_basebackup"

    @property
    def address(self) -> tuple[str, int]:
        return self.server.address

    @property
    def variables(self) -> dict[str, object]:
        return {
            "BIN": self.bin,
            "DATA": self.restored,
            "BASE": self.base,
            "ARCHIVE": self.archive,
            "AS": " ".join(self.run_as),
        }

    @property
    def run_as(self) -> list[str]:
        """The user that PostgreSQL runs as: not root."""
        return ["runuser", "-u", self.server.user, "--"] if self.server.user else []

    def connect(self, database: str = "discount") -> psycopg.Connection[Any]:
        return self.server.connect(database)

    def end(self) -> None:
        self.server.end(signal.SIGINT)

    def take_base_backup(self) -> None:
        url = url_of(self.server.address, "postgres")
        command: list[str | Path] = [self.bin / "pg_basebackup", "--dbname", url]
        options: list[str | Path] = ["--pgdata", self.base, "--checkpoint=fast", "--no-sync"]
        subprocess.run([*self.run_as, *command, *options], check=True, capture_output=True)

    def archive_all(self) -> None:
        """Wait until the archive is complete up to now."""
        with self.server.connect("postgres") as connection:
            (segment,) = connection.execute(
                "SELECT pg_walfile_name(pg_switch_wal())"
            ).fetchone() or [""]
        wait_until((self.archive / segment).exists, "the log is not archived")

    def stop(self) -> None:
        """Stop those of the two servers that run."""
        if self.server.process and self.server.process.poll() is None:
            self.server.end(signal.SIGQUIT)
        stop: list[str | Path] = [self.bin / "pg_ctl", "--pgdata", self.restored]
        subprocess.run(
            [*self.run_as, *stop, "--mode=immediate", "stop"], check=False, capture_output=True
        )


@pytest.fixture
def archived(tmp_path):
    with tempfile.TemporaryDirectory(prefix="discount-postgresql-") as folder:
        made = Archived(Path(folder), tmp_path / "postgresql.log")
        try:
            yield made
        finally:
            made.stop()


def test_the_runbook_restores_every_answer_up_to_a_moment(archived, tmp_path):
    """The runbook's commands: rows are destroyed, and an answer is given after the moment."""
    restore_to_a_moment(archived, tmp_path)
