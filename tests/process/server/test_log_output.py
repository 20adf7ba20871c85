"""If the log cannot be written, calls are served, and lines are dropped and counted."""

import fcntl
import json
import os
import re
import time
from contextlib import contextmanager

import pytest
import requests

from service.domain.jobs import JobKind, JobRequest
from service.store.jobs.repository import SQLJobs
from service.usecases.jobs import request_job
from tests.support.engines import on_sqlite
from tests.support.forked import Forked
from tests.support.running import Running, end, environment, wait_until_ready
from tests.support.tables import make_tables
from tests.support.tokens import bearer
from tests.support.waiting import wait_until

LINES = 150
"""More lines than fit into the pipe, at a hundred bytes and more each."""
PIPE = 4096
MOMENT_S = 10
"""Long for a call even on a busy machine, and short for what nobody ends."""


@contextmanager
def logging_to(folder, output, *, command="serve", **changed):
    """Run a service whose log goes to `output`."""
    env = environment(folder, **changed)
    make_tables(env)
    process = Forked([command], env, output, output)
    try:
        yield Running(process, env, folder / "no-log")
    finally:
        end(process)


def dropped(service):
    text = requests.get(service.metrics_url, timeout=30).text
    return float(re.findall(r"^discount_log_lines_dropped_total (\S+)", text, re.MULTILINE)[0])


def wait(service):
    (service.log).write_text("")
    wait_until_ready(service)


def create(service, number):
    return requests.post(
        f"{service.url}/v1/discount/create",
        json={"brand": "b", "number_to_create": number},
        headers=bearer(),
        timeout=30,
    )


def test_a_full_disk_of_the_log_fails_no_call(tmp_path):
    with open("/dev/full", "wb") as full, logging_to(tmp_path, full) as service:  # noqa: PTH123
        wait(service)
        assert 200 == requests.get(f"{service.url}/livez", timeout=30).status_code
        assert 10 == len(create(service, 10).json())
        url = f"{service.url}/v1/discount/fetch/b/u"
        codes = {requests.get(url, headers=bearer(), timeout=30).text for _ in range(5)}
        assert 1 == len(codes)
        assert 404 == requests.get(f"{service.url}/problems/none", timeout=30).status_code
        wait_until(lambda: dropped(service) >= 8)


def test_a_pipe_that_nobody_reads_stops_nobody(tmp_path):
    """Lines are buffered until a reader reads them, and dropped once the reader is gone."""
    theirs, ours = os.pipe()
    fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, PIPE)
    with os.fdopen(ours, "wb") as output, logging_to(tmp_path, output) as service:
        wait(service)
        create(service, 10)
        assert slowest_of(service, LINES) < MOMENT_S
        with os.fdopen(theirs, "rb") as read:
            lines = [json.loads(read.readline()) for _ in range(LINES)]
        assert {"request", "library_message"} <= {line["event"] for line in lines}
        assert slowest_of(service, LINES) < MOMENT_S
        wait_until(lambda: dropped(service))


@pytest.mark.long
def test_a_pipe_whose_reader_went_before_the_start_stops_nobody(tmp_path):
    """A pipe without a reader cannot even be opened; `tests/unit/observability` has one, too."""
    theirs, ours = os.pipe()
    os.close(theirs)
    with os.fdopen(ours, "wb") as output, logging_to(tmp_path, output) as service:
        wait(service)
        create(service, 10)
        assert slowest_of(service, LINES) < MOMENT_S
        wait_until(lambda: dropped(service))


def slowest_of(service, calls):
    """Make some calls, each of which is logged; return the longest duration."""
    slowest = 0.0
    with requests.Session() as session:
        session.headers.update(bearer())
        for number in range(calls):
            began = time.monotonic()
            url = f"{service.url}/v1/discount/fetch/b/u{number % 5}"
            assert 200 == session.get(url, timeout=30).status_code
            slowest = max(slowest, time.monotonic() - began)
    return slowest


@on_sqlite
@pytest.mark.own_database
def test_a_worker_whose_log_cannot_be_written_does_its_jobs(tmp_path, settings, database):
    jobs = SQLJobs(database)
    order = JobRequest(JobKind.GENERATE, 50, "tests", {})
    key = request_job(jobs, "b", "default", order).key
    env = environment(tmp_path, DISCOUNT_DATABASE_URL=settings.database_url)
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        process = Forked(["worker"], env, full, full)
        try:
            wait_until(lambda: "succeeded" == jobs.find("b", "default", key.id).state)
        finally:
            end(process)


@pytest.mark.long
def test_a_supervisor_whose_log_cannot_be_written_runs_server_and_worker(tmp_path):
    with open("/dev/full", "wb") as full, logging_to(tmp_path, full, command="run") as service:  # noqa: PTH123
        wait(service)
        create(service, 1)
        jobs = f"{service.url}/v1/brands/b/campaigns/default/jobs"
        asked = requests.post(
            jobs,
            json={"kind": "generate", "count": 50},
            headers=bearer() | {"Idempotency-Key": "k"},
            timeout=30,
        )
        assert 202 == asked.status_code, asked.text
        job = service.url + asked.headers["Location"]
        wait_until(
            lambda: "succeeded" == requests.get(job, headers=bearer(), timeout=30).json()["state"]
        )
