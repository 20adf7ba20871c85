"""The queue may be slow or away: a job's row is the truth, and callers do not wait for more."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from service.app import parts_of
from service.usecases.job_ports import JobKey
from tests.engines import on_postgresql

ANSWERED_WITHIN_S = 5
CALLERS = 8


@pytest.fixture
def tell(app):
    """Tell of a job; say what went wrong, and how long that took."""
    queue = parts_of(app).queue

    def put(number=0):
        began = time.monotonic()
        try:
            queue.put(JobKey(1, f"{number:032x}"))
        except Exception as error:
            return error, time.monotonic() - began
        return None, time.monotonic() - began

    return put


@on_postgresql
def test_a_slow_queue_does_not_keep_all_callers(tell, database_url):
    assert tell()[0] is None
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(CALLERS) as threads:
        other.execute("LOCK huey_task IN ACCESS EXCLUSIVE MODE")
        told = list(threads.map(tell, range(CALLERS)))
        assert CALLERS == sum(error is not None for error, _ in told)
        assert max(seconds for _, seconds in told) < ANSWERED_WITHIN_S
    assert tell()[0] is None
