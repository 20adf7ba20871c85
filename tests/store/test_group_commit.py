"""Group commit: durable before the answer, errors to their callers, and no hang."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from service.domain.codes import mint
from service.domain.errors import NoCodesLeft, Unavailable
from service.store import group_commit
from service.store.group_commit import GroupCommit
from service.store.maintenance.upgrade import upgrade
from service.store.repositories.store import SQLStore
from service.store.signals import ThreadSignals
from service.store.sqlite.database import SQLiteDatabase
from service.store.sqlite.reservations import SQLiteReservations
from tests.support.creating import add_codes


class Disk:
    """A transaction that can be made slow, and that records what was committed."""

    def __init__(self):
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.begun = threading.Semaphore(0)
        self.committed = []
        self.fails = None

    @contextmanager
    def transaction(self):
        self.begun.release()
        done: list[object] = []
        yield done
        assert self.may_commit.wait(20)
        if self.fails:
            raise self.fails
        self.committed.append(done)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def group(disk):
    def together(works):
        with disk.transaction() as done:
            return [each(done) for each in works]

    made = GroupCommit(together, ThreadSignals(), lambda _error: False)
    yield made
    disk.may_commit.set()
    made.close()


def work(name):
    def append(done):
        done.append(name)
        return name

    return append


def bad(error):
    def fail(done):
        done.append("never")
        raise error

    return fail


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def held_up(disk, group, pool, works):
    """Block the transaction of a first job, queue all others, then release it."""
    disk.may_commit.clear()
    first = pool.submit(group.run, work("first"))
    disk.begun.acquire()
    others = [pool.submit(group.run, each) for each in works]
    until(lambda: group.waiting == len(works))
    disk.may_commit.set()
    return [first, *others]


@pytest.fixture
def pool():
    with ThreadPoolExecutor(64) as executor:
        yield executor


def test_what_gathers_while_the_disk_is_busy_shares_one_transaction(disk, group, pool):
    futures = held_up(disk, group, pool, [work(number) for number in range(40)])
    assert ["first", *range(40)] == [future.result() for future in futures]
    assert [1, 40] == [len(done) for done in disk.committed]


def test_nobody_goes_on_before_the_commit(disk, group, pool):
    disk.may_commit.clear()
    future = pool.submit(group.run, work("x"))
    disk.begun.acquire()
    time.sleep(0.1)
    assert not future.done()
    disk.may_commit.set()
    assert "x" == future.result()
    assert [["x"]] == disk.committed


def test_one_bad_work_fails_alone(disk, group, pool):
    """A job's error reaches its caller, and its changes are rolled back."""
    works = [work(1), bad(NoCodesLeft("mine")), work(2), bad(ValueError("other")), work(3)]
    first, one, mine, two, other, three = held_up(disk, group, pool, works)
    assert ["first", 1, 2, 3] == [future.result() for future in (first, one, two, three)]
    with pytest.raises(NoCodesLeft, match="mine"):
        mine.result()
    with pytest.raises(ValueError, match="other"):
        other.result()
    assert [["first"], [1], [2], [3]] == disk.committed


def test_a_commit_that_fails_is_everybodys(disk, group, pool):
    disk.fails = Unavailable()
    futures = held_up(disk, group, pool, [work(number) for number in range(5)])
    for future in futures:
        with pytest.raises(Unavailable):
            future.result()
    disk.fails = None
    assert "again" == group.run(work("again"))
    assert [["again"]] == disk.committed


def test_a_full_queue_refuses_at_once(disk, group, pool, monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_WAITING", 3)
    disk.may_commit.clear()
    first = pool.submit(group.run, work("first"))
    disk.begun.acquire()
    others = [pool.submit(group.run, work(number)) for number in range(3)]
    until(lambda: group.waiting == 3)
    with pytest.raises(Unavailable):
        group.run(work("too many"))
    disk.may_commit.set()
    assert ["first", 0, 1, 2] == [future.result() for future in (first, *others)]


def test_a_caller_waits_no_longer_than_its_deadline(disk, group, pool, monkeypatch):
    """A job that has not begun when its caller gives up is never done."""
    disk.may_commit.clear()
    first = pool.submit(group.run, work("first"))
    disk.begun.acquire()
    with monkeypatch.context() as context:
        context.setattr(group_commit, "DEADLINE_S", 0.1)
        with pytest.raises(Unavailable):
            group.run(work("late"))
    disk.may_commit.set()
    assert "first" == first.result()
    assert "next" == group.run(work("next"))
    assert [["first"], ["next"]] == disk.committed


def test_a_batch_has_a_largest_size(disk, group, pool, monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_BATCH", 10)
    for future in held_up(disk, group, pool, [work(number) for number in range(25)]):
        future.result()
    assert [1, 10, 10, 5] == [len(done) for done in disk.committed]


def test_closing_finishes_what_waits_and_opens_again(disk, group, pool):
    futures = held_up(disk, group, pool, [work(number) for number in range(20)])
    group.close()
    assert ["first", *range(20)] == [future.result(1) for future in futures]
    assert "after" == group.run(work("after"))


def test_it_starts_anew_after_a_fork(group):
    """Gunicorn loads the application before it forks its workers."""
    assert "before" == group.run(work("before"))
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=lambda: os._exit(0 if group.run(work("in")) == "in" else 1))
    child.start()
    child.join(20)
    assert 0 == child.exitcode
    assert "after" == group.run(work("after"))


def test_claims_share_commits_of_the_real_database(tmp_path):
    """One claim commits; the 39 that arrive meanwhile share the next commit."""
    database = SQLiteDatabase(f"sqlite:///{tmp_path}/discount.db", threads=40)
    upgrade(database)
    store = SQLStore(database, SQLiteReservations(database))
    add_codes(store, "brand", "default", 40, mint, 1)
    commits: list[object] = []
    committing, let_go = threading.Event(), threading.Event()

    def hold(connection):
        commits.append(connection)
        committing.set()
        let_go.wait(10)

    event.listen(database.engine, "commit", hold)
    with ThreadPoolExecutor(40) as executor:
        claims = [executor.submit(store.reserve, "brand", "default", "user0", 1)]
        assert committing.wait(10)
        claims += [
            executor.submit(store.reserve, "brand", "default", f"user{number}", 1)
            for number in range(1, 40)
        ]
        until(lambda: database.waiting_writes == 39)
        let_go.set()
        assert 40 == len({claim.result().reservation.code for claim in claims})
    assert 2 == len(commits)
    database.close()
