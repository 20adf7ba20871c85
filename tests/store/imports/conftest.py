"""Fixtures of imports."""

import json
from functools import partial

import pytest
from sqlalchemy import text

from service.formats.list_form import ListForm
from service.store.imports.files import SQLImports
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.usecases.imports import import_codes, receive
from service.usecases.jobs import request_job
from service.usecases.ports.clock import system_clock
from tests.store.imports.lists import LIST, POOL


@pytest.fixture
def jobs(database):
    return SQLJobs(database)


@pytest.fixture
def ask(database, jobs):
    """Request an import."""
    imports = SQLImports(database)

    def job_of(content=LIST):
        received = receive(imports, *POOL, [content], 1_000_000)
        requested = import_codes(
            imports,
            partial(request_job, jobs, *POOL),
            received,
            form=ListForm.CSV,
            dry_run=False,
            requested_by="me",
        )
        return requested.job

    return job_of


@pytest.fixture
def step(database):
    """Do a chunk of the oldest job as a worker that is killed afterwards; return its phase."""
    works = SQLWork(database)

    def do(size=1000):
        now = system_clock()
        (key, *_) = works.due(1)
        taken = works.take(key, now)
        assert taken
        lease, _ = taken
        works.step(lease, size, now)
        with database.transaction() as connection:
            connection.execute(text("UPDATE job SET leased_until = 0"))
        with database.read() as connection:
            query = text("SELECT cursor FROM job WHERE id = :id")
            cursor = connection.execute(query, {"id": key.id}).scalar()
        return json.loads(cursor)["phase"] if cursor else None

    return do
