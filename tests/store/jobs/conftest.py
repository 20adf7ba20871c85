"""Fixtures of jobs."""

import pytest

from service.domain.jobs import JobKind, JobRequest
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.usecases.jobs import request_job
from tests.store.jobs.taking import NOW
from tests.support.working import FakeClock


@pytest.fixture
def jobs(database):
    return SQLJobs(database)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def work(database, clock):
    return SQLWork(database, clock)


@pytest.fixture
def ask(jobs):
    """Request codes; return the job's key."""

    def add(count=1000, brand="brand"):
        order = JobRequest(JobKind.GENERATE, count, "tests", {})
        return request_job(jobs, brand, "default", order, clock=lambda: NOW).key

    return add


@pytest.fixture
def there(database):
    """Count the codes that are there."""

    def count():
        with database.read() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM code").scalar_one()

    return count
