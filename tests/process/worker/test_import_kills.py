"""An import whose worker is killed again and again."""

import random
import time
from functools import partial

import pytest

from service.formats.list_form import ListForm
from service.store.imports.files import SQLImports
from service.store.jobs.repository import SQLJobs
from service.store.maintenance.verify import verify
from service.usecases.imports import import_codes, receive
from service.usecases.jobs import request_job
from tests.support.engines import on_sqlite
from tests.support.waiting import wait_until

pytestmark = [on_sqlite, pytest.mark.own_database]
POOL = ("brand", "default")


def import_list(database, codes):
    """Request an import, as a caller does; return a function that finds the job."""
    imports, jobs = SQLImports(database), SQLJobs(database)
    received = receive(imports, *POOL, ["\n".join(codes).encode()], 2**30)

    ask = partial(request_job, jobs, *POOL)
    requested = import_codes(
        imports, ask, received, form=ListForm.CSV, dry_run=False, requested_by="tests"
    )
    return lambda: jobs.find(*POOL, requested.job.id)


@pytest.mark.parametrize("rows", [20_000, pytest.param(60_000, marks=pytest.mark.long)])
def test_a_worker_killed_at_random_moments_stores_every_row_once(
    database, database_url, start, let_leases_run_out, rows
):
    codes = [f"CODE-{number:06}" for number in range(rows)]
    chance = random.Random(5)  # noqa: S311 - any order will do
    chance.shuffle(codes)
    job = import_list(database, codes)

    def progress():
        with database.read() as connection:
            return connection.exec_driver_sql("SELECT cursor, done FROM job").one()

    for _ in range(3):
        before = progress()
        worker = start()
        wait_until(lambda: progress() != before)  # noqa: B023 - it is called in this round
        time.sleep(chance.uniform(0, 0.1))  # the moment
        worker.kill()
        worker.wait()
        let_leases_run_out()
    assert job().finished_at is None
    start()
    wait_until(lambda: job().finished_at is not None)
    assert ("succeeded", rows, 0) == (job().state, job().done, job().failed)
    with database.read() as connection:
        stored = connection.exec_driver_sql("SELECT code FROM code ORDER BY 1").scalars().all()
    assert sorted(codes) == stored
    assert [] == [found for found in verify(database_url) if found.breaches]
