"""Workers on real tables: turns, deaths, full disks, and others who write."""

from dataclasses import replace

import pytest

from service.domain.codes import mint
from service.domain.errors import Unavailable
from service.store.jobs.leases import SQLWork
from service.store.opening import open_database
from service.store.postgresql import tally
from service.usecases.ports.work import LEASE_S
from service.usecases.working import MAX_ATTEMPTS
from tests.store.jobs.taking import HOUR_MS, NOW, take
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql, on_sqlite
from tests.support.working import FakeClock, Heard, do_all, watch, worker


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
        monkeypatch.setattr(tally, "FOLD_EVERY", 2**40)  # it would come after the chunk
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
