"""Versions of the service that share a database continue each other's jobs."""

import json
import os
import subprocess
import sys
import zipfile
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import text

from service.domain.jobs import JobKind, JobRequest
from service.formats.list_form import ListForm
from service.settings import HOME, Settings
from service.store.imports.files import SQLImports
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.store.maintenance.upgrade import upgrade
from service.store.opening import open_database
from service.usecases.import_pipeline import checking, reading, storing
from service.usecases.imports import import_codes, receive
from service.usecases.jobs import request_job
from service.usecases.keys import JobKey
from service.usecases.ports.clock import system_clock
from tests.process.worker import chunk_worker
from tests.support.working import FakeClock, Strict, purge, watch, worker

POOL = ("brand", "default")
CODES = [f"CODE-{number * 37 % 1009:04}" for number in range(1000)]
LIST = "\r\n".join(["code,note", *(f"{code},x" for code in CODES)]).encode()
BEFORE_HEARTBEATS = "699757b14e83585afbaf2f9f17807534923e3102"
"""The last version whose workers use the wall clock, and do not know `state_version`."""


def archived(revision):
    """Return an earlier version of the service, or `None` without the history."""
    command = ["git", "-C", HOME, "archive", "--format=zip", revision, "service"]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


# A tree without its history (an archive, a shallow clone) cannot run an earlier version. What such
# a version has stored is then held by tests/store/jobs/test_state_versions.py alone.
REVISIONS = {"before heartbeats": BEFORE_HEARTBEATS, "the commit before": "HEAD~1"}
EARLIER = [
    pytest.param(found, id=name)
    for name, revision in REVISIONS.items()
    if (found := archived(revision))
]


class Earlier:
    """A worker of an earlier version in a separate process."""

    def __init__(self, archive, folder):
        zipfile.ZipFile(BytesIO(archive)).extractall(folder)
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
        self._process = subprocess.Popen(
            [sys.executable, chunk_worker.__file__],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def where(self):
        """Wait until it has started; return the folder of its code."""
        return self._answer()

    def _answer(self):
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def do(self, url, key, how="chunk"):
        """Do a chunk of a job in a database; return whether the job could be taken."""
        assert self._process.stdin
        self._process.stdin.write(f"{url} {key.brand_id} {key.id} {how}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self):
        self._process.communicate()


@pytest.fixture
def database(tmp_path):
    settings = Settings(database_url=f"sqlite:///{tmp_path}/discount.db")
    with closing(open_database(settings, threads=2)) as database:
        upgrade(database)
        yield database


@pytest.fixture
def small_chunks(monkeypatch):
    """A worker with the chunk sizes of the earlier version."""
    for module, name, value in (
        (reading, "RUN_ROWS", 300),
        (reading, "PART_ROWS", 50),
        (checking, "PART_ROWS", 50),
        (storing, "STORED_AT_ONCE", 100),
        (storing, "STORED_AT_LEAST", 100),
    ):
        monkeypatch.setattr(module, name, value)


def generate(database):
    order = JobRequest(JobKind.GENERATE, 2000, "tests", {})
    return request_job(SQLJobs(database), *POOL, order).key


def import_list(database):
    imports = SQLImports(database)
    keys: list[JobKey] = []
    received = receive(imports, *POOL, [LIST], 2**20)

    def ask(order):
        requested = request_job(SQLJobs(database), *POOL, order)
        keys.append(requested.key)
        return requested

    import_codes(imports, ask, received, form=ListForm.CSV, dry_run=False, requested_by="tests")
    return keys[0]


if EARLIER:

    @pytest.fixture(scope="module", params=EARLIER)
    def process(request, tmp_path_factory):
        folder = tmp_path_factory.mktemp("earlier")
        with closing(Earlier(request.param, folder)) as started:
            assert str(folder) in started.where()
            yield started

    @pytest.fixture
    def earlier(process, database, tmp_path):
        """Let it do a chunk of this test's job."""
        return partial(process.do, f"sqlite:///{tmp_path}/discount.db")

    @pytest.mark.parametrize(
        ("ask", "first"),
        [(import_list, 0), (import_list, 1), (generate, 0)],
        ids=["an import, the old first", "an import, the new first", "codes"],
    )
    @pytest.mark.usefixtures("small_chunks")
    def test_versions_take_turns_with_a_job_to_its_end(database, earlier, ask, first):
        key, phases = ask(database), set()
        find = partial(SQLJobs(database).find, *POOL, key.id)

        def new_one(key):
            return worker(database, Strict(), waits=[True]).do(key)

        turn = first
        while find().finished_at is None:
            assert (earlier, new_one)[turn % 2](key)
            turn += 1
            with database.read() as connection:
                cursor = connection.execute(text("SELECT cursor FROM job")).scalar_one()
            phases.add(json.loads(cursor)["phase"] if cursor else "none")
        assert ("succeeded", 0) == (find().state, find().failed)
        if ask is import_list:
            assert {"read", "check", "store"} <= phases
            with database.read() as connection:
                codes = connection.execute(text("SELECT code FROM code ORDER BY 1")).scalars().all()
            assert sorted(CODES) == codes
        purge(database)

    @pytest.mark.usefixtures("small_chunks")
    def test_versions_take_up_what_workers_of_the_other_left_when_they_died(database, earlier):
        key, clock = import_list(database), FakeClock()
        work = SQLWork(database, clock)
        assert earlier(key, "die")
        assert work.take(key, system_clock()) is None
        watch(work, clock)
        taken = work.take(key, system_clock())
        assert taken
        lease, _ = taken
        assert not earlier(key)  # by its wall clock, or by a heartbeat that it just saw
        long_ago = system_clock() - 3_600_000
        work.step(lease, 100, long_ago)
        with database.transaction() as connection:
            connection.execute(text("UPDATE job SET leased_until = 0"))
        assert earlier(key)
        assert "running" == SQLJobs(database).find(*POOL, key.id).state


def test_there_is_an_earlier_version_where_there_is_a_history():
    """Otherwise nothing would show that the tests above are missing."""
    shallow = (HOME / ".git" / "shallow").exists()
    has_history = (HOME / ".git").exists() and not shallow
    assert bool(EARLIER) or not has_history
    assert Path(chunk_worker.__file__).is_file()
