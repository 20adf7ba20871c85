"""Purging removes obsolete rows of every brand, in small steps, and beside jobs."""

import io
import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from service.domain.jobs import JobState
from service.observability.logging import build_logger
from service.observability.metrics.jobs import JobMetrics
from service.store.imports.files import SQLImports
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.store.maintenance import purging
from service.store.maintenance.purging import Purge
from service.usecases import working
from service.usecases.idempotency import KEPT_MS
from service.usecases.job_kinds import PAUSED
from service.usecases.jobs import cancel_job, generate_codes
from service.usecases.ports.clock import system_clock
from service.usecases.working import Worker
from service.worker.reporter import Reporter
from service.worker.upkeep import Upkeep
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite
from tests.support.working import Heard, Strict, worker

DAY = 24 * 60 * 60 * 1000
MONTH = 30 * DAY


@pytest.fixture
def brands(store):
    """Create brands of one code each."""

    def make(count):
        for number in range(count):
            add_codes(store, f"brand{number}", "default", 1, lambda _: ["AAAA"], 5)

    return make


@pytest.fixture
def count(database):
    """Count the rows of a table."""

    def rows(table):
        with database.read() as connection:
            return connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()

    return rows


@pytest.fixture
def keys(database):
    """Store idempotency keys of a brand."""

    def keep(brand_id, number, created_at):
        with database.transaction() as connection:
            connection.execute(
                text(
                    "INSERT INTO idempotency (brand_id, key, content, answer, created_at)"
                    " VALUES (:brand_id, :key, :content, '[]', :created_at)"
                ),
                [
                    {
                        "brand_id": brand_id,
                        "key": f"{brand_id}/{created_at}/{n}".encode(),
                        "content": b"c",
                        "created_at": created_at,
                    }
                    for n in range(number)
                ],
            )

    return keep


def steps(purge, now, most=200):
    """Purge until nothing is left, and return the number of steps."""
    for number in range(1, most):
        if not purge.step(now):
            return number
    raise AssertionError


def test_old_keys_go_of_brands_that_nobody_calls(database, brands, keys, count, monkeypatch):
    monkeypatch.setattr(purging, "KEYS_AT_ONCE", 7)
    monkeypatch.setattr(purging, "BRANDS_AT_ONCE", 3)
    now = system_clock()
    brands(8)
    for brand_id in range(1, 9):
        keys(brand_id, 3, now - KEPT_MS)
        keys(brand_id, 2, now - KEPT_MS + 1000)
    keys(8, 30, now - 2 * KEPT_MS)
    taken = steps(Purge(database, MONTH), now)
    assert 16 == count("idempotency")
    assert 8 < taken < 40


@on_sqlite
def test_a_key_that_was_used_again_since_it_was_found_stays(
    database, brands, keys, count, monkeypatch
):
    now = system_clock()
    brands(1)
    keys(1, 1, now - KEPT_MS)
    found = purging.OldRows.next

    def then_used_again(rows, *values):
        old = found(rows, *values)
        with database.transaction() as connection:
            connection.execute(text(f"UPDATE idempotency SET created_at = {now}"))
        return old

    monkeypatch.setattr(purging.OldRows, "next", then_used_again)
    Purge(database, MONTH).step(now)
    assert 1 == count("idempotency")


def test_old_jobs_go_with_their_reports_and_open_ones_stay(
    database, store, brands, count, monkeypatch
):
    monkeypatch.setattr(purging, "LINES_AT_ONCE", 10)
    monkeypatch.setattr(purging, "JOBS_AT_ONCE", 2)
    brands(1)
    now = system_clock()
    jobs = SQLJobs(database)
    for _ in range(5):
        generate_codes(jobs, "brand0", "default", 1, requested_by="me")
    with database.transaction() as connection:
        ids = connection.execute(text("SELECT id FROM job ORDER BY id")).scalars().all()
        connection.execute(
            text("INSERT INTO import_refusal VALUES (1, :id, :line, 'length')"),
            [{"id": ids[0], "line": line} for line in range(35)],
        )
    for job_id in ids[:4]:
        cancel_job(jobs, "brand0", "default", job_id)
    purge = Purge(database, MONTH)
    steps(purge, now)
    assert (5, 35) == (count("job"), count("import_refusal"))
    steps(Purge(database, MONTH), now + MONTH + DAY)
    with database.read() as connection:
        assert [ids[4]] == connection.execute(text("SELECT id FROM job")).scalars().all()
    assert 0 == count("import_refusal")


@on_sqlite
def test_one_kind_does_not_wait_for_another(database, brands, keys, count, monkeypatch):
    """A step purges a little of each kind, however much there is of one."""
    brands(1)
    now = system_clock()
    keys(1, 3, now - 2 * KEPT_MS)
    monkeypatch.setattr(SQLImports, "purge", lambda _self, _now: True)
    purge = Purge(database, MONTH)
    assert purge.step(now)
    assert 0 == count("idempotency")


@on_sqlite
def test_purging_happens_between_the_slices_of_a_job(database, store, monkeypatch):
    monkeypatch.setattr(working, "POLL_INTERVAL_S", 0)
    jobs, heard, done = SQLJobs(database), Strict(), []
    generate_codes(jobs, "brand0", "default", 5000, requested_by="me")
    busy = Worker(
        SQLWork(database),
        heard,
        lambda _: False,
        upkeep=lambda: done.append(len(heard.events)),
    )
    assert busy.do_due()
    assert ["taken", "ended"] == heard.names()
    assert 1 <= len(done)
    assert done[0] < len(heard.events)


@on_sqlite
def test_a_job_pauses_below_the_reserve_says_so_and_goes_on(database, monkeypatch):
    jobs, heard, purged = SQLJobs(database), Heard(), []
    job = generate_codes(jobs, "brand0", "default", 3, requested_by="me").job
    monkeypatch.setattr(database.reserve, "_bytes", 2**60)

    def look():
        purged.append(jobs.find("brand0", "default", job.id))
        if len(purged) == 2:
            monkeypatch.setattr(database.reserve, "_bytes", 0)

    paused = Worker(SQLWork(database), heard, lambda _: False, upkeep=look)
    assert paused.do_due()
    assert [(JobState.RUNNING, PAUSED)] * 2 == [(seen.state, seen.detail) for seen in purged]
    ended = jobs.find("brand0", "default", job.id)
    assert (JobState.SUCCEEDED, 3, None) == (ended.state, ended.done, ended.detail)
    assert ["taken", "waits", "waits", "ended"] == heard.names()


@on_sqlite
def test_a_paused_job_can_be_cancelled(database, monkeypatch):
    jobs, heard = SQLJobs(database), Heard()
    job = generate_codes(jobs, "brand0", "default", 3, requested_by="me").job
    monkeypatch.setattr(database.reserve, "_bytes", 2**60)

    def cancel():
        cancel_job(jobs, "brand0", "default", job.id)

    assert Worker(SQLWork(database), heard, lambda _: False, upkeep=cancel).do_due()
    assert ["taken", "waits", "waits", "lost"] == heard.names()
    assert JobState.CANCELLED is jobs.find("brand0", "default", job.id).state


@on_sqlite
def test_a_worker_that_stops_leaves_a_paused_job(database, monkeypatch):
    generate_codes(SQLJobs(database), "brand0", "default", 3, requested_by="me")
    monkeypatch.setattr(database.reserve, "_bytes", 2**60)
    assert worker(database, Heard(), [True]).do_due()
    assert SQLWork(database).due(1)


@on_sqlite
def test_the_log_says_once_that_a_job_pauses_and_that_it_goes_on(
    settings, database, log, monkeypatch
):
    reporter = Reporter(build_logger(settings, log), JobMetrics())
    generate_codes(SQLJobs(database), "brand0", "default", 3, requested_by="me")
    monkeypatch.setattr(database.reserve, "_bytes", 2**60)
    rounds = iter(range(3))

    def relieve():
        if next(rounds) == 2:
            monkeypatch.setattr(database.reserve, "_bytes", 0)

    Worker(SQLWork(database), reporter, lambda _: False, upkeep=relieve).do_due()
    events = [json.loads(line)["event"] for line in log.text.splitlines()]
    assert ["job_taken", "job_paused", "job_resumed", "job_ended"] == events


class Clock:
    """A replacement of time.monotonic."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


def raised(error):
    raise error


@on_sqlite
def test_upkeep_takes_about_half_of_the_time_while_there_is_much_of_it(settings, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("service.worker.upkeep.time", clock)
    spent, more = [], True

    def step():
        clock.now += 0.2
        spent.append(clock.now)
        return more

    log = build_logger(replace(settings), io.TextIOWrapper(io.BytesIO()))
    upkeep = Upkeep(step, lambda _: False, log, raised)
    upkeep.some()
    assert 3 == len(spent)
    upkeep.some()
    assert 3 == len(spent)
    clock.now += 0.61
    upkeep.some()
    assert 6 == len(spent)
    clock.now += 0.61
    more = False
    upkeep.some()
    assert 7 == len(spent)
