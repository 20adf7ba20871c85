"""The queue may be slow or away: a job's row is the truth, and callers do not wait for more."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest

from service.app import parts_of
from service.usecases.job_ports import JobKey
from tests.engines import on_postgresql

ANSWERED_WITHIN_S = 5
CALLERS = 8


@pytest.fixture
def tell(app):
    """Tell of a job; say whether the queue took it, and how long that was."""
    queue = parts_of(app).queue

    def put(number=0):
        began, told = time.monotonic(), False
        with suppress(TimeoutError, psycopg.Error):
            queue.put(JobKey(1, f"{number:032x}"))
            told = True
        return told, time.monotonic() - began

    return put


@on_postgresql
@pytest.mark.own_database
def test_a_slow_queue_does_not_keep_all_callers(tell, database_url):
    assert tell()[0]
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(CALLERS) as threads:
        other.execute("LOCK huey_task IN ACCESS EXCLUSIVE MODE")
        told = list(threads.map(tell, range(CALLERS)))
        assert [False] * CALLERS == [done for done, _ in told]
        assert max(seconds for _, seconds in told) < ANSWERED_WITHIN_S
    assert tell()[0]
