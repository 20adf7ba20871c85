"""The progress of a job has a version, and workers ignore what they cannot read.

The rows below are handwritten, in the form of the versions that wrote them.
"""

import json

import pytest
from sqlalchemy import text
from structlog import get_logger
from structlog.testing import capture_logs

from service.domain.errors import Conflict
from service.domain.jobs import JobKind, JobRequest
from service.observability.metrics.jobs import JobMetrics
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.usecases.import_pipeline.state import Cursor, written
from service.usecases.job_kinds import STATE_VERSION
from service.usecases.jobs import cancel_job, request_job
from service.usecases.ports.clock import system_clock
from service.worker.reporter import Reporter
from tests.support.engines import on_sqlite
from tests.support.working import Heard, do_all, worker

POOL = ("brand", "default")
POSITION = {"line": 4, "rest": "Q09ERS0=", "column": 0, "width": 1}
VERSION_1 = {
    "read": {
        "phase": "read",
        "block": 1,
        "position": POSITION,
        "parts": [0],
        "rows": 2,
        "after": "",
    },
    "check": {
        "phase": "check",
        "block": 0,
        "position": {"line": 1, "rest": "", "column": None, "width": 1},
        "parts": [0],
        "rows": 0,
        "after": "CODE-1 00000002",
    },
}
"""Cursors of an import of `code`, `CODE-1`, `CODE-2` and `CODE-3`, in blocks of 24 bytes."""

pytestmark = on_sqlite


@pytest.fixture
def jobs(database):
    return SQLJobs(database)


def execute(database, *statements):
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(text(statement))


def begun(database, jobs, phase):
    """Store an import that a worker of version 1 has begun and given back."""
    parameters = {"form": "csv", "dry_run": False, "file": "f1", "file_of": 1}
    key = request_job(jobs, *POOL, JobRequest(JobKind.GENERATE, 4, "tests", parameters)).key
    cursor = json.dumps(VERSION_1[phase])
    entries = "CODE-1 00000002\nCODE-2 00000003"
    done = 0
    if phase == "check":
        entries, done = f"{entries}\nCODE-3 00000004", 1
    execute(
        database,
        f"UPDATE job SET kind = 'import', state = 'running', started_at = 1, cursor = '{cursor}', "
        f"total = 4, done = {done}, leased_until = {system_clock()}, state_version = 1",
        "INSERT INTO import_file (brand_id, id, created_at, job_brand_id, job_id)"
        f" VALUES (1, 'f1', 1, 1, '{key.id}')",
        f"INSERT INTO import_run VALUES (1, 'f1', 0, 0, '{entries}')",
        "INSERT INTO import_row VALUES (1, 'CODE-1', 'f1', 2)" if done else "SELECT 1",
        "INSERT INTO import_block VALUES (1, 'f1', 1, CAST('3\n' AS BLOB))",
    )
    return key


@pytest.mark.parametrize("phase", VERSION_1)
def test_an_import_that_version_1_has_begun_is_finished(database, jobs, store, phase):
    key = begun(database, jobs, phase)
    do_all(database)
    job = jobs.find(*POOL, key.id)
    assert ("succeeded", 3, 0) == (job.state, job.done, job.failed)
    codes = store.codes(*POOL, None, None, 10, 0).items
    assert ["CODE-1", "CODE-2", "CODE-3"] == sorted(code.code for code in codes)


@pytest.mark.usefixtures("engine")
def test_what_is_written_has_the_form_of_its_version():
    """Another format needs another version: workers end a job that they cannot read."""
    assert STATE_VERSION == 1
    ours = json.loads(written(Cursor()))
    assert list(VERSION_1["read"]) == list(ours)
    assert list(POSITION) == list(ours["position"])


def test_what_may_be_ignored_is(database, jobs):
    key = begun(database, jobs, "check")
    cursor = json.dumps(VERSION_1["check"] | {"new": 1})
    execute(database, f"UPDATE job SET cursor = '{cursor}'")
    do_all(database)
    assert "succeeded" == jobs.find(*POOL, key.id).state


@pytest.mark.parametrize("newer", ["state_version = 99, cursor = '?'", "kind = 'bake'"])
class TestNewer:
    """A job that only a newer version of the service can do."""

    @pytest.fixture
    def key(self, database, jobs, newer):
        key = request_job(jobs, *POOL, JobRequest(JobKind.GENERATE, 4, "tests", {})).key
        execute(database, f"UPDATE job SET {newer}")
        return key

    def test_it_is_left_alone_counted_and_logged_once(self, database, jobs, key):
        heard, metrics = Heard(), JobMetrics()

        before = jobs.find(*POOL, key.id)
        made = worker(database, heard)
        assert not made.do(key)  # as a log line says
        for _ in range(3):
            assert not made.do_due()
        assert ["newer"] * 3 == heard.names()
        assert before == jobs.find(*POOL, key.id)
        with capture_logs() as events:
            reporter = Reporter(get_logger(), metrics)
            for _, newer_key in heard.events:
                reporter.newer(newer_key)
        left = {"event": "job_left_to_newer_version", "job": key.id, "log_level": "warning"}
        assert [left] == events
        assert 1.0 == metrics.registry.get_sample_value("discount_jobs_left_total")

    def test_it_hides_no_other_job(self, database, jobs, key):
        other = request_job(jobs, *POOL, JobRequest(JobKind.GENERATE, 4, "tests", {})).key
        assert [other] == SQLWork(database).due(1)

    def test_callers_see_it_and_may_cancel_it(self, database, jobs, key, client, auth):
        path = "/v1/brands/brand/campaigns/default/jobs"
        (shown,) = client.get(path, headers=auth).json["items"]
        assert ("queued", key.id) == (shown["state"], shown["id"])
        cancelled = client.delete(f"{path}/{key.id}", headers=auth)
        assert (200, "cancelled") == (cancelled.status_code, cancelled.json["state"])


def test_an_import_that_a_newer_version_may_be_storing_cannot_be_cancelled_here(database, jobs):
    key = begun(database, jobs, "check")
    execute(database, "UPDATE job SET state_version = 99, cursor = '?'")
    with pytest.raises(Conflict):
        cancel_job(jobs, *POOL, key.id)
