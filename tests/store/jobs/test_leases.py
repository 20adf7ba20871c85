"""A job is done exactly once, by one worker at a time, and its counts are correct."""

import threading
import time

import psycopg
import pytest

from service.store.jobs.due import SILENT_S
from service.store.jobs.leases import SQLWork
from service.usecases.jobs import cancel_job
from service.usecases.ports.work import LEASE_S, LeaseLost
from tests.store.jobs.taking import HOUR_MS, NOW, take
from tests.support.engines import on_postgresql
from tests.support.working import watch


def test_a_job_is_taken_by_one_worker_alone(ask, work):
    key = ask()
    assert work.take(key, NOW) is not None
    assert work.take(key, NOW) is None
    assert [] == work.due(10)


def test_of_many_workers_at_once_one_gets_the_job(ask, database):
    key, taken = ask(), []
    start = threading.Barrier(8)

    def run():
        start.wait()
        taken.append(SQLWork(database).take(key, NOW))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == len([lease for lease in taken if lease])


def test_a_dead_workers_job_is_due_when_its_heartbeat_has_stopped(ask, work, clock, there):
    key = ask(3)
    work.step(take(work, key), 2, NOW)
    watch(work, clock, LEASE_S - 1)
    assert [] == work.due(10)
    assert work.take(key, NOW) is None
    watch(work, clock, 1)
    assert [key] == work.due(10)
    lease, job = work.take(key, NOW)
    assert 2 == job.done
    assert "succeeded" == work.step(lease, 2, NOW).job.state
    assert 3 == there()


@pytest.mark.parametrize("sign_of_life", ["step", "renew"])
def test_a_sign_of_life_keeps_a_job(ask, work, clock, sign_of_life):
    key = ask()
    lease = take(work, key)
    for _ in range(3):
        watch(work, clock, LEASE_S - 1)
        if sign_of_life == "step":
            work.step(lease, 1, NOW)  # by a clock that stands still
        else:
            work.renew(lease, NOW)
    assert [] == work.due(10)


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, 0, HOUR_MS], ids=["behind", "right", "ahead"])
class TestWallClocks:
    """The wall clock of a worker does not matter: it may be wrong, or have been set meanwhile."""

    def test_a_dead_workers_job_is_taken_up_in_time(self, ask, database, work, clock, ahead_ms):
        key = ask()
        SQLWork(database).take(key, NOW + ahead_ms)
        watch(work, clock)
        assert [key] == work.due(10)
        assert work.take(key, NOW)

    def test_a_living_worker_keeps_its_job(self, ask, database, work, clock, ahead_ms):
        key, other = ask(), SQLWork(database)
        lease = take(other, key, NOW + ahead_ms)
        for _ in range(3):
            watch(work, clock, LEASE_S - 1)
            other.step(lease, 1, NOW + ahead_ms)
        assert work.take(key, NOW) is None

    def test_jobs_that_are_given_back_take_turns(self, ask, work, ahead_ms):
        keys = [ask(brand=f"brand{number}") for number in range(3)]
        for moment in (NOW, NOW + ahead_ms):
            assert keys == work.due(10)
            for key in keys:
                work.give_back(take(work, key, moment))


def test_who_could_not_look_takes_nobody_for_dead(ask, work, clock):
    """A database that was away for long was away for the worker of the job, too."""
    key = ask()
    take(work, key)
    work.due(10)
    clock.now += 1000
    assert [] == work.due(10)
    assert work.take(key, NOW) is None


def test_abandoned_jobs_come_before_all_that_wait(ask, work, clock):
    keys = [ask(brand=f"brand{number}") for number in range(3)]
    take(work, keys[2])
    watch(work, clock)
    assert [keys[2], keys[0], keys[1]] == work.due(10)
    assert [keys[2], keys[0]] == work.due(2)


def test_who_has_lost_a_job_changes_nothing_however_late(ask, work, clock, there):
    key = ask()
    old = take(work, key)
    work.step(old, 10, NOW)
    watch(work, clock)
    new = take(work, key)
    with pytest.raises(LeaseLost):
        work.step(old, 10, NOW)
    with pytest.raises(LeaseLost):
        work.fail(old, "no", NOW)
    work.give_back(old)
    assert 10 == there()
    assert 20 == work.step(new, 10, NOW).job.done


def test_a_job_that_was_given_back_is_due_at_once(ask, work):
    key = ask()
    work.give_back(take(work, key))
    assert [key] == work.due(10)


def test_a_cancelled_job_is_lost_to_its_worker_within_a_chunk(ask, work, jobs, there):
    key = ask()
    lease = take(work, key)
    work.step(lease, 10, NOW)
    job = cancel_job(jobs, "brand", "default", key.id, lambda: NOW)
    assert ("cancelled", 10) == (job.state, job.done)
    assert "10 codes" in (job.detail or "")
    with pytest.raises(LeaseLost):
        work.step(lease, 10, NOW)
    assert 10 == there()


def test_the_oldest_job_is_due_first(ask, work):
    keys = [ask(brand=f"brand{number}") for number in range(3)]
    assert keys == work.due(10)
    assert keys[:2] == work.due(2)


@on_postgresql
def test_jobs_in_a_long_transaction_hide_none_behind_them(ask, work, database):
    """Imports that are being stored have no heartbeats meanwhile."""
    keys = [ask(brand=f"brand{number}") for number in range(3)]
    with database.transaction() as connection:
        lock = f"SELECT FROM job WHERE id <> '{keys[2].id}' FOR UPDATE"
        connection.exec_driver_sql(lock)
        assert [keys[2]] == work.due(2)
    assert keys[:2] == work.due(2)


@on_postgresql
def test_who_was_stopped_while_sending_codes_keeps_its_job_from_nobody(ask, work, clock, settings):
    """The server would wait for the rest of a COPY as long as the worker's machine answers."""
    key = ask()
    take(work, key)
    with psycopg.connect(settings.database_url, application_name="discount") as stopped:
        stopped.execute("SELECT FROM job FOR UPDATE")
        stopped.pgconn.send_query(b"COPY code FROM STDIN")
        watch(work, clock, SILENT_S - 1)
        assert [] == work.due(10)
        give_up_at = time.monotonic() + 60
        while not (due := work.due(10)):
            assert time.monotonic() < give_up_at
            clock.now += 1
        assert [key] == due
        stopped.close()
