"""Jobs of workers that die or stop are continued by others in time, and exactly once.

Each test waits for as long as a lease lasts. tests/store/jobs/test_leases.py tries on both engines
how dead workers are distinguished.
"""

import signal
import time

import psutil
import pytest

from service.observability.metrics.database_monitor import JOB_WAITS_S
from tests.support.engines import on_postgresql_if_long
from tests.support.waiting import wait_until

pytestmark = [on_postgresql_if_long, pytest.mark.own_database]
ATTEMPTS = 3
"""On a busy machine one worker may be late, but not several in a row."""


@pytest.fixture
def start_and_wait(start, worker_log):
    """Start a worker, and wait until it looks for jobs."""

    def begin():
        before = worker_log.read_text().count("worker_started") if worker_log.exists() else 0
        worker = start()
        wait_until(lambda: worker_log.read_text().count("worker_started") > before)
        return worker

    return begin


def test_a_killed_workers_job_is_taken_up_where_it_stood_in_the_promised_time(
    ask, start_and_wait, set_clocks_back
):
    """Clocks are set back meanwhile."""
    job = ask(10_000_000)
    has_it = start_and_wait()
    wait_until(lambda: job().done > 0)
    took: list[float] = []
    while len(took) < ATTEMPTS and min(took, default=JOB_WAITS_S) >= JOB_WAITS_S:
        other = start_and_wait()
        has_it.kill()
        killed_at = time.monotonic()
        has_it.wait()
        set_clocks_back()
        done = job().done
        wait_until(lambda: job().done > done)  # noqa: B023 - it is called in this round
        took.append(time.monotonic() - killed_at)
        has_it = other
    assert min(took) < JOB_WAITS_S


def test_a_stopped_worker_that_has_lost_its_job_commits_nothing_when_it_wakes(
    ask, start, database, there
):
    count = 100_000
    job = ask(count)
    sleeper = start()
    wait_until(lambda: job().done > 0)
    # Between two chunks: in SQLite's one transaction, a stopped worker would block everybody.
    with database.transaction():
        sleeper.send_signal(signal.SIGSTOP)
        wait_until(lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_STOPPED)
    start()
    done = job().done
    wait_until(lambda: job().done > done)
    sleeper.send_signal(signal.SIGCONT)
    wait_until(lambda: job().finished_at is not None)
    assert ("succeeded", count) == (job().state, job().done)
    assert (count, count) == there()
