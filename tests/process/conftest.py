"""A database with jobs, and workers that do them in processes of their own."""

from contextlib import ExitStack, closing

import pytest

from service.domain.jobs import JobKind, JobRequest
from service.settings import Settings
from service.store.jobs.repository import SQLJobs
from service.store.opening import open_database
from service.usecases.jobs import request_job
from tests.support.running import environment, running_worker


@pytest.fixture
def database(database_url):
    """A database without an application, which nothing here needs."""
    with closing(open_database(Settings(database_url=database_url))) as opened:
        yield opened


@pytest.fixture
def worker_log(tmp_path):
    """The log of the workers."""
    return tmp_path / "worker.log"


@pytest.fixture
def start(database_url, tmp_path, worker_log):
    """Start a worker, which is ended after the test."""
    env = environment(tmp_path, DISCOUNT_DATABASE_URL=database_url)
    with ExitStack() as stack:
        yield lambda **changed: stack.enter_context(running_worker(env | changed, worker_log))


@pytest.fixture
def ask(database):
    """Request codes; return a function that finds the job."""

    def add(count, brand="brand"):
        jobs = SQLJobs(database)
        order = JobRequest(JobKind.GENERATE, count, "tests", {})
        key = request_job(jobs, brand, "default", order).key
        return lambda: jobs.find(brand, "default", key.id)

    return add


@pytest.fixture
def jobs(database):
    """Return the states of all jobs."""

    def states():
        with database.read() as connection:
            return connection.exec_driver_sql("SELECT state FROM job").scalars().all()

    return states


@pytest.fixture
def there(database):
    """Count the codes, and the different ones."""

    def count():
        with database.read() as connection:
            query = "SELECT count(*), count(DISTINCT code) FROM code"
            return tuple(connection.exec_driver_sql(query).one())

    return count


@pytest.fixture
def let_leases_run_out(database):
    """Let all leases expire, as time would."""

    def expire():
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE job SET leased_until = 0")

    return expire


@pytest.fixture
def set_clocks_back(database):
    """Move all times an hour forward, as after clocks were set back by that."""

    def change():
        with database.transaction() as connection:
            for moment in ("leased_until", "created_at"):
                query = f"UPDATE job SET {moment} = {moment} + 3600000"
                connection.exec_driver_sql(query)

    return change
