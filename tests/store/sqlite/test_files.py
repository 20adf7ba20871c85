"""SQLite's files: only an upgrade creates one, and a removal is noticed."""

import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing

import pytest
import requests
from click.testing import CliRunner

from service.app import create_app, services_of
from service.cli import main
from service.container.services import build
from service.domain.codes import mint
from service.domain.errors import Unavailable
from service.observability.logging import database_error
from service.settings import Settings
from service.store.errors import MaintenanceError
from service.store.maintenance.upgrade import upgrade
from service.store.opening import open_database
from service.store.repositories.status import SQLStatus
from service.store.sqlite.backup import backup
from service.store.sqlite.files import last_backup
from tests.support.creating import add_codes
from tests.support.running import is_alive, running
from tests.support.tables import make_tables
from tests.support.tokens import SECRET
from tests.support.waiting import wait_until

pytestmark = pytest.mark.own_database  # its files are moved away


@pytest.fixture
def engine():
    return "sqlite"


READING = {
    "export": ["codes", "export", "--brand", "b"],
    "generate": ["codes", "generate", "--brand", "b", "--count", "1"],
    "import": ["codes", "import", "--brand", "b", "/dev/null"],
    "verify": ["verify"],
    "backup": ["db", "backup", "{folder}/copy.db"],
    "worker --check": ["worker", "--check"],
    "worker": ["worker"],
    "serve": ["serve"],
    "run": ["run"],
    "copy": ["db", "copy", "sqlite:///{folder}/typo.db", "postgresql://127.0.0.1:1/nowhere"],
}


@pytest.mark.parametrize("arguments", READING.values(), ids=READING)
def test_a_mistyped_file_is_named_and_not_made(tmp_path, arguments):
    env = {"DISCOUNT_DATABASE_URL": f"sqlite:///{tmp_path}/typo.db", "DISCOUNT_JWT_SECRET": SECRET}
    done = CliRunner().invoke(main, [word.format(folder=tmp_path) for word in arguments], env=env)
    assert 1 == done.exit_code
    assert f"There is no database file {tmp_path}/typo.db" in done.stderr
    assert isinstance(done.exception, SystemExit), done.exception
    assert [] == list(tmp_path.iterdir())


def test_an_upgrade_makes_the_file_for_its_owner_alone(tmp_path):
    env = {"DISCOUNT_DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
    done = CliRunner().invoke(main, ["db", "upgrade"], env=env)
    assert 0 == done.exit_code, done.output
    assert 0o600 == (tmp_path / "new.db").stat().st_mode & 0o777


def test_nothing_is_backed_up_where_there_is_nothing(tmp_path):
    (tmp_path / "empty.db").touch()
    env = {"DISCOUNT_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}
    done = CliRunner().invoke(main, ["db", "backup", f"{tmp_path}/copy.db"], env=env)
    assert (1, True) == (done.exit_code, "nothing to back up" in done.stderr)
    assert ["empty.db"] == [path.name for path in tmp_path.iterdir()]


def test_no_file_is_made_by_an_application_a_scrape_or_a_probe(tmp_path, log):
    settings = Settings(database_url=f"sqlite:///{tmp_path}/none.db", jwt_secret=SECRET)
    app = create_app(build(settings, log_stream=log))
    database = services_of(app).storage.database
    status = SQLStatus(database)
    assert "there is no file" == status.why_not_ready()
    for ask in (status.revision, status.levels, status.open_jobs):
        with pytest.raises(Unavailable):
            ask()
    with pytest.raises(Unavailable):
        add_codes(services_of(app).storage.store, "b", "default", 1, mint, 1)
    answer = app.test_client().get("/readyz")
    assert 503 == answer.status_code
    assert answer.json
    assert "there is no file" == answer.json["checks"]["database"]
    services_of(app).storage.store.close()
    assert [] == list(tmp_path.iterdir())


@pytest.fixture
def file(settings, store):
    """A database file in use, with a code and with the connections of a reader."""
    add_codes(store, "b", "default", 3, mint, 1)
    store.reserve("b", "default", "user1", 1)
    store.find_reservation("b", "default", "user1", 0)
    return os.path.realpath(settings.database_url.removeprefix("sqlite:///"))


def moved(file, away):
    for suffix in ("", "-wal", "-shm"):
        shutil.move(file + suffix, away)


def refused(store):
    """Whether a write is refused as unavailable, with SQLite's reason."""
    with pytest.raises(Unavailable) as raised:
        store.reserve("b", "default", "user2", 1)
    return database_error(raised.value) == "SQLITE_READONLY_DBMOVED"


def test_a_file_that_was_moved_takes_no_writes(file, store, database, client, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    moved(file, away)
    assert refused(store)
    answer = client.get("/readyz")
    assert (503, "the file is gone") == (answer.status_code, answer.json["checks"]["database"])
    assert not [path for path in tmp_path.glob("discount.db*") if path.suffix != ".db-writers"]
    with closing(sqlite3.connect(away / "discount.db")) as connection:
        assert (1,) == connection.execute("SELECT reserved FROM tally").fetchone()
    for path in away.iterdir():
        shutil.move(path, tmp_path)
    assert client.get("/readyz").status_code == 200
    assert store.reserve("b", "default", "user2", 1).new


@pytest.mark.parametrize("with_log", [True, False])
def test_another_file_in_its_place_takes_no_writes(file, store, client, tmp_path, with_log):
    other = tmp_path / "other.db"
    made = open_database(Settings(database_url=f"sqlite:///{other}"), threads=1)
    upgrade(made)
    made.close()
    if with_log:
        away = tmp_path / "away"
        away.mkdir()
        moved(file, away)
    other.rename(file)
    assert refused(store)
    answer = client.get("/readyz")
    assert 503 == answer.status_code
    assert "another file is in its place" == answer.json["checks"]["database"]


def test_every_process_knows_the_file_that_the_server_was_started_with(tmp_path):
    """So do processes that open it late: the server at the first scrape, and new workers."""
    with running(tmp_path) as service:
        other, file = tmp_path / "other.db", tmp_path / "discount.db"
        shutil.copy(file, other)
        other.rename(file)
        scrape = requests.get(service.metrics_url, timeout=10).text
        assert "\ndiscount_database_up 0.0\n" in scrape
        assert "\ndiscount_pools " not in scrape
        (worker,) = service.workers
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not is_alive(worker) and service.workers)
        wait_until(lambda: "another file" in requests.get(f"{service.url}/readyz", timeout=10).text)


def test_a_log_that_was_deleted_takes_no_writes(file, store, client):
    """Nobody would find what is committed to the moved file."""
    assert client.get("/readyz").status_code == 200
    os.unlink(file + "-wal")  # noqa: PTH108
    assert refused(store)
    assert 503 == client.get("/readyz").status_code


def test_a_file_that_goes_away_while_it_is_written_is_not_answered(file, store, database, tmp_path):
    away = tmp_path / "away"
    away.mkdir()

    def write_while_it_is_moved():
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE tally SET available = available")
            moved(file, away)

    with pytest.raises(Unavailable):
        write_while_it_is_moved()


def test_files_are_found_again_after_closing_everything(file, store, database):
    """The last connection to close removes the log, which is normal."""
    for _ in range(2):
        database.close()
        assert database.why_not_ready() is None
        assert add_codes(store, "b", "default", 1, mint, 1)[1]


def test_the_time_of_the_last_backup_is_kept_beside_the_database(tmp_path):
    url = f"sqlite:///{tmp_path}/discount.db"
    make_tables({"DISCOUNT_DATABASE_URL": url})
    began = time.time()
    assert 0 == last_backup(tmp_path / "discount.db")
    backup(url, tmp_path / "first")
    first = last_backup(tmp_path / "discount.db")
    assert first
    assert began - 1 < first <= time.time() + 1
    with pytest.raises(MaintenanceError):
        backup(url, tmp_path / "first")
    assert first == last_backup(tmp_path / "discount.db"), "it failed, and is none"
