"""Queries of a scrape: bounded in time, and without hiding other metrics."""

import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.domain.model import DiskSpace, Level, Levels
from service.observability.metrics.database_collector import StoreCollector
from service.observability.metrics.database_monitor import StoreMonitor
from service.usecases.ports.jobs import OpenJobCounts

LEVELS = Levels([Level("brand", "default", 3, 7)], pools=5, available=40, taken=9)
ROOM = DiskSpace(disk=1000, reusable=20, reserve=300)


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, event, **fields):
        self.lines.append((event, fields))

    def names(self):
        return [event for event, _ in self.lines]


class Store:
    """A store that answers, hangs or fails."""

    def __init__(self):
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = self.closed = 0
        self.unready = None
        self.failure = None
        self.at = 4
        self.lag = 0.5
        self.jobs = OpenJobCounts(0, 0, 0.0, 0.0, 0.0)

    def why_not_ready(self):
        self.asked += 1
        self.may_answer.wait(20)
        return self.unready

    def revision(self):
        return self.at

    def wanted_revision(self):
        return 4

    def levels(self):
        if self.failure:
            raise self.failure
        return LEVELS

    def room(self):
        return ROOM

    def wal_bytes(self):
        return 816

    def sweeper_lag_s(self):
        return self.lag

    def last_backup(self):
        return 1700.5

    def open_jobs(self):
        return self.jobs

    def close(self):
        self.closed += 1


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def watch(store, log):
    """A collector with a timeout for busy machines."""
    return StoreMonitor(store, log, within_s=20)


def scrape(watch):
    registry = CollectorRegistry()
    registry.register(StoreCollector(watch.query, 4))
    text = generate_latest(registry).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_everything_is_shown_and_nothing_is_left_open(watch, store, log):
    lines = scrape(watch)
    assert "discount_database_up 1.0" in lines
    assert 'discount_codes_available{brand="brand",campaign="default"} 3.0' in lines
    assert 'discount_codes_taken{brand="brand",campaign="default"} 7.0' in lines
    assert "discount_schema_revision 4.0" in lines
    assert {"discount_pools 5.0", "discount_pools_left_out 4.0"} <= set(lines)
    assert {"discount_all_codes_available 40.0", "discount_all_codes_taken 9.0"} <= set(lines)
    assert {"discount_disk_free_bytes 1000.0", "discount_disk_reusable_bytes 20.0"} <= set(lines)
    assert "discount_last_backup_timestamp_seconds 1700.5" in lines
    assert {"discount_wal_bytes 816.0", "discount_jobs_stalled_seconds 0.0"} <= set(lines)
    assert "discount_sweeper_lag_seconds 0.5" in lines
    assert {"discount_disk_reserve_bytes 300.0", "discount_disk_low 0.0"} <= set(lines)
    assert (1, [], False) == (store.closed, log.lines, watch.busy.locked())


def test_a_database_that_fails_in_a_worker_is_not_up(watch):
    registry = CollectorRegistry()
    registry.register(StoreCollector(watch.query, 4, lambda: True))
    text = generate_latest(registry).decode()
    assert {"discount_database_up 0.0", "discount_schema_revision 4.0"} <= set(text.splitlines())


def test_a_store_that_hangs_is_not_waited_for_and_asked_by_one_alone(store, log):
    watch = StoreMonitor(store, log, within_s=0.01)
    store.may_answer.clear()
    assert "discount_database_up 0.0" in scrape(watch)
    assert not [line for line in scrape(watch) if line.startswith("discount_codes")]
    assert 1 == store.asked
    store.may_answer.set()
    with watch.busy:  # the querying thread has ended
        assert 1 == store.closed


def test_an_answer_that_came_late_is_shown_by_the_next_scrape(store, log):
    """A slow store is not reported as down."""
    watch = StoreMonitor(store, log, within_s=0.01)
    store.may_answer.clear()
    assert not watch.query().up
    store.may_answer.set()
    with watch.busy:
        store.may_answer.clear()
    assert watch.query().up
    assert LEVELS == watch.query().levels
    store.may_answer.set()
    with watch.busy:
        assert 2 == store.asked


def test_a_failure_is_logged_and_hides_nothing_else(watch, store, log):
    store.failure = ValueError("row 7")
    now = watch.query()
    assert (True, 4, None, None) == (now.up, now.revision, now.levels, now.jobs)
    assert [("database_unavailable", {"reason": None, "exc_info": store.failure})] == log.lines
    assert 1 == store.closed


def test_a_standby_is_not_up_and_says_why(watch, store, log):
    store.unready = "read-only"
    assert not watch.query().up
    assert [("database_unavailable", {"reason": "read-only"})] == log.lines


def test_a_missing_migration_is_reported(watch, store, log):
    store.at = 3
    assert LEVELS == watch.query().levels
    store.at = 0
    assert watch.query().levels is None
    assert [3, 0] == [fields["revision"] for _, fields in log.lines]
    assert {"migration_missing"} == set(log.names())


def test_jobs_that_wait_for_a_worker_are_logged(watch, store, log):
    for jobs in (
        OpenJobCounts(1, 0, 15.0, 0.0, 0.0),
        OpenJobCounts(1, 0, 15.1, 0.0, 0.0),
        OpenJobCounts(0, 1, 0.0, 15.1, 0.0),
    ):
        store.jobs = jobs
        watch.query()
    assert ["jobs_wait", "jobs_wait"] == log.names()


def test_a_late_sweeper_is_logged(watch, store, log):
    store.lag = 61.04
    assert "discount_sweeper_lag_seconds 61.04" in scrape(watch)
    assert [("sweeper_late", {"seconds": 61.0})] == log.lines
