"""Figures about open jobs."""

import pytest
from sqlalchemy import text

from service.store.jobs.open import OpenJobs
from service.usecases.ports.work import LEASE_S
from tests.store.jobs.taking import HOUR_MS, NOW, take


def test_open_jobs_are_counted_and_the_oldest_ones_age_known(ask, work, database, clock):
    open_jobs = OpenJobs(database, clock)
    assert (0, 0, 0.0, 0.0) == open_jobs.count()[:4]
    take(work, ask())
    ask()
    assert (1, 1, 0.0, 0.0) == open_jobs.count()[:4]
    clock.now += 2.5
    assert (1, 1, 2.5, 0.0) == open_jobs.count()[:4]


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, 0, HOUR_MS], ids=["behind", "right", "ahead"])
def test_a_running_job_is_overdue_once_its_heartbeat_has_stopped(
    ask, work, database, clock, ahead_ms
):
    open_jobs = OpenJobs(database, clock)
    key = ask()
    lease = take(work, key, NOW + ahead_ms)
    for _ in range(3):
        assert 0.0 == open_jobs.count().overdue_s
        work.step(lease, 1, NOW + ahead_ms)
        clock.now += LEASE_S + 1.5
    open_jobs.count()
    clock.now += LEASE_S + 1.5
    assert 1.5 == open_jobs.count().overdue_s


def test_a_job_that_was_given_back_and_that_nobody_takes_is_overdue(ask, work, database, clock):
    open_jobs = OpenJobs(database, clock)
    work.give_back(take(work, ask()))
    open_jobs.count()
    clock.now += 1.5
    assert (0, 1, 0.0, 1.5) == open_jobs.count()[:4]


def test_a_running_job_without_progress_is_stalled_whatever_its_heartbeat(
    ask, work, database, clock
):
    open_jobs = OpenJobs(database, clock)
    key = ask()
    lease = take(work, key)
    for _ in range(2):
        open_jobs.count()
        clock.now += 5
        assert 5.0 == open_jobs.count().stalled_s
        work.step(lease, 1, NOW)
        assert 0.0 == open_jobs.count().stalled_s
    with database.transaction() as connection:
        connection.execute(text("UPDATE job SET heartbeat = heartbeat + 1"))
    clock.now += 7
    assert 7.0 == open_jobs.count().stalled_s
