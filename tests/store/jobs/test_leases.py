"""A job is done exactly once, by one worker at a time, and its counts are correct."""

import threading
import time
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text

from service.domain.codes import mint
from service.domain.errors import Unavailable
from service.domain.jobs import JobKind, JobRequest
from service.store.jobs.due import SILENT_S
from service.store.jobs.leases import SQLWork
from service.store.jobs.open import OpenJobs
from service.store.jobs.repository import SQLJobs
from service.store.opening import open_database
from service.store.postgresql import reservations
from service.usecases.jobs import cancel_job, request_job
from service.usecases.ports.clock import system_clock
from service.usecases.ports.work import LEASE_S, LeaseLost
from service.usecases.working import MAX_ATTEMPTS
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql, on_sqlite
from tests.support.working import FakeClock, Heard, do_all, watch, worker

NOW = system_clock()


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


def take(work, key, at=NOW):
    """Take an available job."""
    return work.take(key, at).lease


@pytest.fixture
def there(database):
    """Count the codes that are there."""

    def count():
        with database.read() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM code").scalar_one()

    return count


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


HOUR_MS = 3_600_000


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


class Killed(BaseException):
    """Ends a worker abruptly: it gives no job back."""


class Deadly(SQLWork):
    """Kills a worker in its first chunk."""

    def step(self, lease, size, now):
        raise Killed


def die_of(key, database, times):
    """Let workers die of a job one after the other, each after the previous lease has expired."""
    for _ in range(times):
        victim = replace(worker_much_later(database), work=abandoned(Deadly, database))
        with pytest.raises(Killed):
            victim.do(key)


def do_much_later(key, database):
    """Let a worker do an abandoned job; return its events."""
    heard = Heard()
    worker_much_later(database, heard).do(key)
    return heard.names()


def abandoned(work_class, database):
    """Return a store of jobs for which all leases have expired."""
    clock = FakeClock()
    work = work_class(database, clock)
    watch(work, clock)
    return work


def worker_much_later(database, heard=None):
    return replace(worker(database, heard), work=abandoned(SQLWork, database))


def test_a_job_that_kills_every_worker_fails_in_the_end(ask, database, work, jobs, there):
    key = ask()
    die_of(key, database, MAX_ATTEMPTS)
    assert ["taken", "given_up", "ended"] == do_much_later(key, database)
    job = jobs.find("brand", "default", key.id)
    assert ("failed", 0, 0) == (job.state, job.done, there())
    assert "What is done stays" in job.detail
    assert [] == abandoned(SQLWork, database).due(10)


@pytest.mark.parametrize("sign_of_life", ["step", "renew", "give_back"])
def test_only_workers_that_died_in_a_row_are_counted(ask, database, work, clock, sign_of_life):
    key = ask()
    die_of(key, database, MAX_ATTEMPTS)
    watch(work, clock)
    lease = take(work, key)
    if sign_of_life == "step":
        work.step(lease, 1, NOW)
    elif sign_of_life == "renew":
        work.renew(lease, NOW)
    else:
        work.give_back(lease)
    die_of(key, database, MAX_ATTEMPTS - 1)
    assert ["taken", "ended"] == do_much_later(key, database)


def test_a_small_job_does_not_wait_for_the_end_of_a_large_one(ask, database, jobs, monkeypatch):
    monkeypatch.setattr("service.usecases.working.SLICE_S", -1)
    large, small = ask(1_000_000), ask(10, brand="other")
    one = worker(database)
    assert one.do(large)
    assert 0 < jobs.find("brand", "default", large.id).done < 1_000_000
    assert one.do_due()
    assert "succeeded" == jobs.find("other", "default", small.id).state
    done = jobs.find("brand", "default", large.id).done
    ask(10, brand="another")
    assert one.do(large)
    assert done < jobs.find("brand", "default", large.id).done < 1_000_000


def test_a_worker_keeps_its_job_when_it_cannot_ask_who_waits(ask, database, monkeypatch):
    class Away(SQLWork):
        """A queue that cannot be asked for due jobs."""

        def due(self, limit):
            raise Unavailable

    monkeypatch.setattr("service.usecases.working.SLICE_S", -1)
    heard = Heard()
    replace(worker(database, heard), work=Away(database)).do(ask(10_000))
    assert ["taken", "ended"] == heard.names()


def test_a_worker_that_lost_its_job_gives_no_sign_of_life_for_another(ask, work, clock):
    key = ask(10)
    first = take(work, key)
    work.renew(first, NOW)
    watch(work, clock)
    second = take(work, key)
    watch(work, clock, LEASE_S - 1)
    work.renew(first, NOW + HOUR_MS)
    watch(work, clock, 1)
    assert [key] == work.due(10)
    assert 1 == second.attempt


def test_codes_of_a_job_are_spread_over_the_whole_space(ask, database):
    ask(32 * 20)
    do_all(database)
    with database.read() as connection:
        codes = [row[0] for row in connection.exec_driver_sql("SELECT code FROM code")]
    assert 32 == len({code[0] for code in codes})


def test_a_worker_that_stops_finishes_its_chunk_and_gives_the_job_back(ask, work, database, there):
    key = ask(1_000_000)
    heard = Heard()
    assert worker(database, heard, waits=[False, True]).do(key)
    done = heard.events[-1][1].job.done
    assert 2 == len([name for name, _ in heard.events if name == "chunk"])
    assert done == there()
    assert [key] == work.due(10)


def test_a_fault_of_ours_ends_its_job_and_says_so_without_details(ask, database, jobs, monkeypatch):
    key = ask()
    monkeypatch.setattr("service.usecases.job_kinds.top_up", None)
    heard = Heard()
    worker(database, heard).do(key)
    assert ["taken", "broken", "ended"] == heard.names()
    job = jobs.find("brand", "default", key.id)
    assert ("failed", 0) == (job.state, job.done)
    assert "did not foresee" in job.detail


@on_sqlite
def test_on_a_full_disk_a_job_waits_with_its_state_true_and_goes_on(ask, database, jobs, there):
    key = ask(20_000)
    with database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def limit(connection, most):
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")

    heard = Heard()
    full = [True]

    class Filling(SQLWork):
        """A queue in a database whose size is limited as long as `full` is true."""

        def step(self, lease, size, now):
            with self._database.read() as connection:
                limit(connection, pages + 40 if full else 2**30)
            return super().step(lease, size, now)

    def wait(seconds):
        if heard.events[-1][0] == "waits":
            assert isinstance(heard.events[-1][1], Unavailable)
            assert jobs.find("brand", "default", key.id).done == there() > 0
            full.clear()
        return False

    made = worker(database, heard)
    object.__setattr__(made, "work", Filling(database))
    object.__setattr__(made, "wait", wait)
    made.do(key)
    assert ["taken", "waits", "ended"] == heard.names()
    assert 20_000 == jobs.find("brand", "default", key.id).done == there()


class TestOthers:
    """A worker detects reservations, so as to yield to them."""

    @pytest.fixture
    def elsewhere(self, settings):
        """A worker's own connections: those of the server count as others."""
        database = open_database(settings, threads=1)
        yield SQLWork(database)
        database.close()

    @pytest.fixture
    def saw(self, elsewhere, ask):
        """Do a chunk, and return whether others were active."""
        lease = take(elsewhere, ask(100_000))
        return lambda: elsewhere.step(lease, 64, NOW).others

    def test_who_reserves_is_seen(self, saw, store, monkeypatch):
        monkeypatch.setattr(reservations, "FOLD_EVERY", 2**40)  # it would come after the chunk
        assert not saw()
        add_codes(store, "other", "default", 1, mint, NOW)
        saw()
        store.reserve("other", "default", "user", NOW)
        assert saw()

    @on_sqlite
    def test_what_was_written_before_the_job_was_taken_is_of_no_importance(self, elsewhere, ask):
        """Otherwise each job would begin slowly, because of the caller that requested it."""
        for _ in range(2):
            lease = take(elsewhere, ask())
            assert not elsewhere.step(lease, 64, NOW).others

    @on_postgresql
    def test_who_reserved_a_while_ago_is_gone(self, saw, store, monkeypatch):
        add_codes(store, "other", "default", 1, mint, NOW)
        store.reserve("other", "default", "user", NOW)
        monkeypatch.setattr("service.store.postgresql.dialect.RESERVING_S", 0.0)
        assert not saw()
