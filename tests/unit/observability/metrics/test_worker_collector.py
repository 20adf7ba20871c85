"""What a master says about its workers, above all about those that hang."""

import os
import subprocess
import sys
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.observability.metrics.worker_collector import (
    WorkerCollector,
    WorkerProcess,
    is_running,
    open_files,
)
from service.observability.metrics.worker_vitals import STALE_S, SharedVitals, Vitals, ready_bits

CHECKS = ["drain", "keys"]
READY = ready_bits([True, True])


@pytest.fixture
def now():
    return time.monotonic()


def shown(*workers):
    """Return what is scraped, by the series without their prefix."""
    registry = CollectorRegistry()
    registry.register(WorkerCollector(lambda: workers, lambda: 3, CHECKS))
    lines = generate_latest(registry).decode().splitlines()
    pairs = (line.removeprefix("discount_").rsplit(" ", 1) for line in lines if line[0] != "#")
    return {name: float(value) for name, value in pairs}


def worker(heartbeat_at, **vitals):
    made = Vitals(**{"sampled_at": heartbeat_at, "ready": READY} | vitals)
    return WorkerProcess(os.getpid(), heartbeat_at, made)


def test_numbers_are_summed_and_ages_are_the_worst(now):
    found = shown(
        worker(now, oldest_call_s=3.0, calls=2, connections=5, most_connections=100, redis=1),
        worker(now - 2, oldest_call_s=1.0, calls=1, connections=7, most_connections=100, redis=-1),
    )
    assert (2, 3) == (found["workers"], found["workers_ended_total"])
    assert 2 <= found["worker_heartbeat_age_seconds"] < 2 + STALE_S
    assert (3, 3.0) == (found["calls_in_flight"], found["oldest_call_seconds"])
    assert (12, 200) == (found["connections_open"], found["connections_max"])
    assert (1, 1) == tuple(found[f'readiness_check{{check="{name}"}}'] for name in CHECKS)
    assert 0 == found["redis_up"]


def test_without_redis_nothing_is_said_of_it(now):
    assert "redis_up" not in shown(worker(now))


def test_one_worker_that_is_not_ready_shows(now):
    found = shown(worker(now), worker(now, ready=ready_bits([True, False])))
    assert {1: "drain", 0: "keys"} == {
        found[f'readiness_check{{check="{name}"}}']: name for name in CHECKS
    }


@pytest.mark.parametrize(("loop_s", "report_s"), [(60, 0), (0, 60), (60, 60)])
def test_a_worker_that_hangs_is_not_ready_whatever_it_said_last(now, loop_s, report_s):
    hanging = worker(now - loop_s, sampled_at=now - report_s)
    found = shown(worker(now), hanging)
    assert {0} == {found[f'readiness_check{{check="{name}"}}'] for name in CHECKS}


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({}, False),
        ({"ready": ready_bits([True, False])}, True),
        ({"ready": 0, "most_connections": 0}, False),
        ({"ready": 0, "sampled_at": 0.0}, False),
    ],
    ids=["ready", "not ready", "new", "hanging"],
)
def test_a_check_fails_if_a_worker_reports_that(now, changed, fails):
    """A hanging worker reports nothing: the master's own check of the database counts alone."""
    workers = [worker(now, most_connections=9), worker(now, **{"most_connections": 9} | changed)]
    collector = WorkerCollector(lambda: workers, lambda: 0, CHECKS)
    assert fails == collector.reports_failure("keys")


def test_the_oldest_call_ages_while_its_worker_reports_nothing(now):
    found = shown(worker(now, sampled_at=now - 60, calls=1, oldest_call_s=2.0))
    assert 62 <= found["oldest_call_seconds"] < 80
    assert 0 == shown(worker(now, sampled_at=now - 60))["oldest_call_seconds"]


def test_without_workers_nothing_is_ready():
    found = shown()
    assert (0, 0) == (found["workers"], found["oldest_call_seconds"])
    assert {0} == {found[f'readiness_check{{check="{name}"}}'] for name in CHECKS}
    assert "worker_heartbeat_age_seconds" not in found


def test_a_worker_that_has_ended_does_not_run_even_if_nobody_waits_for_it(now):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert not is_running(ended.pid)
        zombie = WorkerProcess(ended.pid, now, Vitals(now))
        assert 1 == shown(zombie, worker(now))["workers"]
    assert not is_running(ended.pid)


def test_the_files_are_of_the_worker_nearest_to_its_limit(now):
    before, limit = open_files(os.getpid()) or (0, 0)
    with open(os.devnull), open(os.devnull):  # noqa: PTH123
        found = shown(worker(now))
    assert (before + 2, limit) == (found["worker_open_files"], found["worker_open_files_max"])
    assert found["worker_resident_bytes"] > 1e6


def test_vitals_are_read_as_they_were_written(now):
    vitals = SharedVitals()
    assert (True, 0) == (vitals.read().sampled_at >= now, vitals.read().ready)
    written = Vitals(1.5, 2.5, 3, 4, 5, READY, -1)
    vitals.write(written)
    assert written == vitals.read()
