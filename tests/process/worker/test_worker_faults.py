"""A worker whose database is gone or full waits for it, and then completes its job.

The exact number of codes exists in the end, and no other worker had to help.
"""

import json
import signal
import subprocess
from contextlib import closing, contextmanager
from functools import partial

import pytest

from service.domain.errors import Unavailable
from service.domain.jobs import JobKind, JobRequest
from service.formats.list_form import ListForm
from service.settings import Settings
from service.store.imports.files import SQLImports
from service.store.jobs.repository import SQLJobs
from service.store.opening import open_database
from service.usecases.import_pipeline.state import CHECK, STORE
from service.usecases.imports import import_codes, receive
from service.usecases.jobs import request_job
from tests.support.running import environment, running_worker
from tests.support.tables import make_tables
from tests.support.waiting import wait_until
from tests.tools.history.engines.postgresql import postgresql
from tests.tools.history.proxy import Mode

COUNT = 60_000
IMPORTED = 40_000
WITHIN_S = 300.0
MIB = 2**20
POSTGRESQL_FULL_AT = 16 * MIB
"""The size of a segment of PostgreSQL's log: without space for one, PostgreSQL ends at once."""
FILLED = 190_000
FILL = f"""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at)
    SELECT brand_id, campaign_id, 'FILL-' || number, 'available', 1
    FROM job, generate_series(1, {FILLED}) AS number
"""
"""Rows that make a table nearly as large."""


class Working:
    """A worker process, and jobs of a brand of its own.

    Args:
        database: Has the jobs, whatever becomes of the way that the worker takes to it.
        process: The worker.
        log: What it says.
    """

    def __init__(self, database, process, log):
        self.database, self.process, self.log = database, process, log
        self._jobs = SQLJobs(database)
        self._id = ""

    def generate(self, count=COUNT):
        order = JobRequest(JobKind.GENERATE, count, "tests", {})
        job = request_job(self._jobs, "brand", "default", order).job
        self._id = job.id

    def take_in(self, codes):
        pool, imports = ("brand", "default"), SQLImports(self.database)
        received = receive(imports, *pool, ["\n".join(codes).encode()], 2**30)
        ask = partial(request_job, self._jobs, *pool)
        requested = import_codes(
            imports, ask, received, form=ListForm.CSV, dry_run=False, requested_by="tests"
        )
        self._id = requested.job.id

    @property
    def job(self):
        return self._jobs.find("brand", "default", self._id)

    @property
    def phase(self):
        cursor = self.one("SELECT cursor FROM job WHERE finished_at IS NULL")
        return json.loads(cursor)["phase"] if cursor else None

    def one(self, query):
        with self.database.read() as connection:
            return connection.exec_driver_sql(query).scalar()

    def events(self):
        whole, _, _ = self.log.read_text().rpartition("\n")  # the last may be half written
        return [json.loads(line)["event"] for line in whole.splitlines()]

    def wait_for(self, event):
        wait_until(lambda: event in self.events(), f"the worker says no {event}", WITHIN_S)

    def _ended(self):
        try:
            return self.job.finished_at is not None
        except Unavailable:
            return False  # the database has just returned

    def made(self):
        return self.one("SELECT count(*) FROM code WHERE code NOT LIKE 'FILL-%%'")

    def kept_its_job(self):
        """Return whether one worker began and ended the job."""
        self.wait_for("job_ended")
        relevant = {"job_taken", "job_ended", "job_lost"}
        seen = [event for event in self.events() if event in relevant]
        return seen == ["job_taken", "job_ended"] and self.process.poll() is None

    def wait_for_end(self):
        wait_until(self._ended, "the job does not end", WITHIN_S)
        return self.job.state, self.job.done, self.one("SELECT count(DISTINCT code) FROM code")


@contextmanager
def working(url, folder, **changed):
    """Upgrade a database, and run one worker on it."""
    env = environment(folder, DISCOUNT_DATABASE_URL=url, **changed)
    make_tables(env)
    log = folder / "worker.log"
    with (
        closing(open_database(Settings(database_url=url))) as database,
        running_worker(env, log) as process,
    ):
        yield Working(database, process, log)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with postgresql(tmp_path_factory.mktemp("faults")) as drilled:
        yield drilled


@pytest.fixture
def worker(server, tmp_path):
    """A worker that reaches an empty database through a proxy."""
    with server.server.connect("postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS discount WITH (FORCE)")
        connection.execute("CREATE DATABASE discount")
    with working(server.settings["DISCOUNT_DATABASE_URL"], tmp_path) as started:
        yield started


@contextmanager
def killed(server):
    server.server.end(signal.SIGKILL)
    yield
    server.server.start()


@contextmanager
def unreachable(server):
    server.proxy.set(Mode.REFUSE)
    server.proxy.cut()
    yield
    server.proxy.set(Mode.PASS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "fault",
    [killed, unreachable],
)
def test_a_job_goes_on_when_postgresql_is_back(server, worker, fault):
    worker.generate()
    wait_until(lambda: worker.job.done > 0, "nothing is done", WITHIN_S)
    with fault(server):
        worker.wait_for("job_waits")
    assert ("succeeded", COUNT, COUNT) == worker.wait_for_end()
    assert worker.kept_its_job()


@pytest.mark.timeout(300)
def test_an_import_goes_on_in_every_phase_when_postgresql_is_back(server, worker):
    worker.take_in([f"CODE-{number}" for number in range(IMPORTED)])
    for phase in (CHECK, STORE):
        wait_until(lambda: worker.phase == phase, f"no {phase}", WITHIN_S)  # noqa: B023 - at once
        waits = worker.events().count("job_waits")
        with killed(server):
            wait_until(
                lambda: worker.events().count("job_waits") > waits,  # noqa: B023 - at once
                "the worker does not notice",
                WITHIN_S,
            )
    assert ("succeeded", IMPORTED, IMPORTED) == worker.wait_for_end()
    assert worker.kept_its_job()


@contextmanager
def full(pids, size, user=None):
    """Limit the size of files of these processes, as if the disk were full."""

    def limit(most):
        first, *children = pids()
        for pid in (first, *children):
            command = ["/usr/bin/prlimit", f"--pid={pid}", f"--fsize={most}:"]
            subprocess.run(command, user=user, check=pid == first)  # children come and go

    limit(size)
    yield
    limit("unlimited")


@pytest.mark.timeout(300)
def test_a_job_goes_on_when_the_disk_of_postgresql_has_room_again(server, worker):
    worker.process.send_signal(signal.SIGSTOP)
    worker.generate()
    with server.connect() as connection:
        connection.execute(FILL)
    with full(server.server.pids, POSTGRESQL_FULL_AT, server.server.user):
        worker.process.send_signal(signal.SIGCONT)
        worker.wait_for("job_waits")
        assert COUNT > worker.job.done == worker.made()
    assert ("succeeded", COUNT, COUNT + FILLED) == worker.wait_for_end()
    assert worker.kept_its_job()


@pytest.fixture
def on_sqlite(tmp_path):
    with working(f"sqlite:///{tmp_path}/discount.db", tmp_path) as started:
        yield started


def test_a_job_goes_on_when_the_disk_of_sqlite_has_room_again(on_sqlite):
    # Below the pages after which the log is checkpointed, and would begin anew.
    with full(lambda: [on_sqlite.process.pid], 3 * MIB):
        on_sqlite.generate()
        on_sqlite.wait_for("job_waits")
        assert COUNT > on_sqlite.job.done == on_sqlite.made() > 0
    assert ("succeeded", COUNT, COUNT) == on_sqlite.wait_for_end()
    assert on_sqlite.kept_its_job()


def test_a_job_goes_on_when_nobody_locks_sqlite_any_more(on_sqlite):
    on_sqlite.generate()
    wait_until(lambda: on_sqlite.job.done > 0, "nothing is done", WITHIN_S)
    with on_sqlite.database.transaction():
        on_sqlite.wait_for("job_waits")
    assert ("succeeded", COUNT, COUNT) == on_sqlite.wait_for_end()
    assert on_sqlite.kept_its_job()
