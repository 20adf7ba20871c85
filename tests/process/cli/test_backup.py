"""Backup of a running service, and its restore as in the runbook."""

import itertools
import os
import signal
import sqlite3
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import requests
from click.testing import CliRunner

from service.cli import main
from service.domain.codes import mint
from service.store.sqlite.backup import backup
from service.store.sqlite.snapshot import snapshot
from tests.process.cli.runbooks import follow
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite
from tests.support.forked import run
from tests.support.running import DISCOUNT, environment, running
from tests.support.tables import make_tables
from tests.support.tokens import bearer
from tests.support.waiting import wait_until

CLIENTS = 4
PAUSE_S = 0.01


def discount(env, *words):
    """Run a command in this process; return its status and output."""
    done = CliRunner().invoke(main, words, env=env)
    return done.exit_code, done.output


def verified(env, file):
    return discount({**env, "DISCOUNT_DATABASE_URL": f"sqlite:///{file}"}, "verify")


def holders(file):
    with closing(sqlite3.connect(file)) as connection:
        return dict(connection.execute("SELECT user_id, code FROM code WHERE user_id IS NOT NULL"))


def create(service, number):
    body = {"brand": "b1", "number_to_create": number}
    url = f"{service.url}/v1/discount/create"
    answer = requests.post(url, json=body, headers=bearer(), timeout=60)
    assert 200 == answer.status_code
    return answer.json()


def fetch(service, user, session=requests):
    url = f"{service.url}/v1/discount/fetch/b1/{user}"
    answer = session.get(url, headers=bearer(), timeout=60)
    assert 200 == answer.status_code
    return answer.json()["discount_code"]


@contextmanager
def hammered(service):
    """Run clients that reserve and create almost without pauses; yield their answers by user."""
    answered: dict[str, str] = {}
    stop = threading.Event()

    def client(name):
        with requests.Session() as session:
            for number in itertools.count():
                if stop.wait(PAUSE_S):
                    return
                if number % 50 == 0:
                    create(service, 100)
                user = f"user-{name}-{number}"
                answered[user] = fetch(service, user, session)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, name) for name in range(CLIENTS)]
        try:
            yield answered
        finally:
            stop.set()
        for finished in clients:
            finished.result()


def test_a_backup_holds_every_answer_that_was_given_before_it_began(tmp_path):
    with running(tmp_path, WEB_CONCURRENCY="2") as service, hammered(service) as answered:
        for number in range(2):
            wanted = len(answered) + 20
            wait_until(lambda: len(answered) >= wanted)  # noqa: B023 - it is called in this round
            before, file = dict(answered), tmp_path / f"backup-{number}"
            made = run(["db", "backup", str(file)], service.environment)  # clients read os.environ
            assert 0 == made.returncode
            assert len(answered) > len(before)
            assert before.items() <= holders(file).items()
    for number in range(2):
        file = tmp_path / f"backup-{number}"
        assert (0, 1) == (verified(service.environment, file)[0], file.read_bytes()[18])
    assert answered.items() == holders(tmp_path / "discount.db").items()
    assert not list(tmp_path.glob("*.partial"))


@on_sqlite
def test_a_backup_is_of_the_moment_when_it_began(tmp_path, settings, store, monkeypatch):
    """Otherwise each write would restart SQLite's backup, which would never end under load."""
    add_codes(store, "before", "default", 10, mint, 1)

    @contextmanager
    def snapshot_and_write(url):
        with snapshot(url) as connection:
            add_codes(store, "after", "default", 10, mint, 1)
            yield connection

    monkeypatch.setattr("service.store.sqlite.backup.snapshot", snapshot_and_write)
    backup(settings.database_url, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert [("before",)] == copy.execute("SELECT name FROM brand").fetchall()
    assert 0 == verified(environment(tmp_path), tmp_path / "copy.db")[0]


def test_the_runbook_restores_what_the_backup_holds(tmp_path):
    """The runbook's commands on a real service: no code goes to two users, whatever was lost."""
    file = tmp_path / "backup.db"
    with running(tmp_path) as service:
        create(service, 20)
        kept = {user: fetch(service, user) for user in ("u1", "u2", "u3")}
        assert 0 == discount(service.environment, "db", "backup", str(file))[0]
        lost = {user: fetch(service, user) for user in ("u4", "u5")}
        kill(service)
    database = tmp_path / "discount.db"
    database.write_bytes(b"no database any more")
    env = service.environment | {"DISCOUNT_DATABASE_URL": "sqlite:////nowhere"}
    output = follow("restore.md", env, DATABASE=database, BACKUP=file)
    assert "Read the lines above." not in output

    with running(tmp_path) as service:
        new = set(create(service, 20))
        assert kept == {user: fetch(service, user) for user in kept}
        given = {fetch(service, user) for user in ("u6", "u5", "u4", "u7")}
        assert 4 == len(given & new)
        assert not given & {*kept.values(), *lost.values()}
        assert 0 == discount(service.environment, "verify")[0]
    (aside,) = tmp_path.glob("discount.db.broken-*")
    assert b"no database any more" == (aside / "discount.db").read_bytes()
    assert (aside / "discount.db-wal").stat().st_size


def kill(service):
    """Kill every process at once, which leaves the write-ahead log as it is."""
    for pid in (service.process.pid, *service.workers):
        os.kill(pid, signal.SIGKILL)
    service.process.wait()


class TestRefusals:
    @pytest.fixture
    def env(self, tmp_path):
        made = environment(tmp_path)
        make_tables(made)
        (tmp_path / "to").mkdir()
        return made

    def refused(self, env, file):
        return discount(env, "db", "backup", file)

    def test_a_file_that_is_there_is_not_overwritten(self, env, tmp_path):
        (tmp_path / "to" / "kept").write_text("mine")
        status, output = self.refused(env, f"{tmp_path}/to/kept")
        assert (1, True) == (status, "is there already" in output)
        assert "mine" == (tmp_path / "to" / "kept").read_text()

    def test_a_missing_database_is_not_made(self, env, tmp_path):
        env["DISCOUNT_DATABASE_URL"] = f"sqlite:///{tmp_path}/none.db"
        status, output = self.refused(env, f"{tmp_path}/to/backup")
        assert 1 == status
        assert output.startswith(f"Error: There is no database file {tmp_path}/none.db: ")
        assert not (tmp_path / "none.db").exists()
        assert [] == list((tmp_path / "to").iterdir())

    def test_a_missing_folder_is_not_made(self, env, tmp_path):
        status, output = self.refused(env, f"{tmp_path}/no/backup")
        assert (1, f"Error: There is no folder {tmp_path}/no.\n") == (status, output)

    def test_a_full_disk_is_reported_and_nothing_stays(self, env, tmp_path):
        limited = f"ulimit -f 64; exec {DISCOUNT} db backup {tmp_path}/to/backup"
        done = subprocess.run(
            ["/bin/bash", "-c", limited], env=env, capture_output=True, text=True, check=False
        )
        assert 1 == done.returncode
        sentence = f"Error: {tmp_path}/to/backup cannot be written: "
        assert done.stderr.startswith(sentence)
        assert 1 == done.stderr.count("\n")
        assert [] == list((tmp_path / "to").iterdir())

    def test_it_is_for_its_owner_alone(self, env, tmp_path):
        """A backup contains every code."""
        assert 0 == discount(env, "db", "backup", f"{tmp_path}/to/backup")[0]
        (made,) = (tmp_path / "to").iterdir()
        assert 0o600 == stat.S_IMODE(made.stat().st_mode)
