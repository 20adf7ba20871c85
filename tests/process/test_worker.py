"""`discount worker` as processes: killed, stopped, several at once."""

import os
import random
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from service.domain.jobs import JobKind, Order
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.usecases.ports import system_clock
from tests.running import DISCOUNT, environment, free_port, running
from tests.tokens import bearer
from tests.waiting import wait_until

# Jobs of many codes: to drop a database takes less than to delete its rows.
pytestmark = pytest.mark.own_database
KILLS = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 3


@pytest.fixture
def env(database, settings, tmp_path):
    """The environment of workers on this test's database."""
    return environment(tmp_path, DISCOUNT_DATABASE_URL=settings.database_url)


@pytest.fixture
def start(env, tmp_path):
    """Start a worker; it is gone after the test."""
    with ExitStack() as stack:

        def start_worker(**changed):
            output = stack.enter_context((tmp_path / "worker.log").open("ab"))
            process = subprocess.Popen([DISCOUNT, "worker"], env=env | changed, stdout=output)

            def end():
                process.kill()
                process.wait()

            stack.callback(end)
            return process

        yield start_worker


@pytest.fixture
def ask(database):
    """Ask for codes; return a function that looks at the job."""

    def add(count, brand="brand"):
        jobs = SQLJobs(database)
        order = Order(JobKind.GENERATE, count, "tests", {})
        key, _, _ = jobs.add(brand, "default", order, system_clock())
        return lambda: jobs.find(brand, "default", key.id)

    return add


@pytest.fixture
def there(database):
    """Count the codes that are there, and those that are unlike any other."""

    def count():
        with database.read() as connection:
            query = "SELECT count(*), count(DISTINCT code) FROM code"
            return tuple(connection.exec_driver_sql(query).one())

    return count


def let_leases_run_out(database):
    """Do what time would do a few seconds later."""
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE job SET leased_until = 0")


def set_clocks_back(database):
    """Have all moments lie an hour later, as they do after clocks were set back by that."""
    with database.transaction() as connection:
        for moment in ("leased_until", "created_at"):
            connection.exec_driver_sql(f"UPDATE job SET {moment} = {moment} + 3600000")


@pytest.mark.timeout(600)
def test_a_worker_killed_at_any_moment_leaves_neither_gap_nor_twin(ask, start, database, there):
    """At some moments; at twenty with HYPOTHESIS_PROFILE=long."""
    chance, count = random.Random(5), 20_000 * KILLS  # noqa: S311 - no secret
    job = ask(count)
    for _ in range(KILLS):
        before = job()
        worker = start()
        wait_until(lambda: job().done > before.done)  # noqa: B023 - it is called in this round
        time.sleep(chance.uniform(0, 0.03))
        worker.kill()
        worker.wait()
        # PostgreSQL may be about to do the last that the worker has asked for.
        wait_until(lambda: (job().done,) * 2 == there(), "not as many codes as the job says")
        let_leases_run_out(database)
    assert count > job().done
    start()
    wait_until(lambda: job().finished_at is not None, within_s=400)
    assert ("succeeded", count, 0) == (job().state, job().done, job().failed)
    assert (count, count) == there()


def test_a_dead_workers_job_is_taken_up_in_time_where_it_stood(ask, start, database):
    job = ask(3_000_000)
    first = start()
    wait_until(lambda: job().done > 0)
    start()
    first.kill()
    first.wait()
    set_clocks_back(database)
    done = job().done
    wait_until(lambda: job().done > done)


def test_two_workers_and_two_servers_at_once_do_each_job_once(
    ask, start, env, settings, there, tmp_path
):
    with ExitStack() as stack:
        servers = []
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            url = settings.database_url
            servers.append(stack.enter_context(running(folder, DISCOUNT_DATABASE_URL=url)))
        start(), start()
        asked = [
            requests.post(
                f"{server.url}/v1/brands/brand{number}/campaigns/default/jobs",
                json={"kind": "generate", "count": 2000},
                headers=bearer(),
                timeout=30,
            ).headers["Location"]
            for number in range(5)
            for server in servers
        ]

        def states():
            return {
                requests.get(f"{servers[0].url}{path}", headers=bearer(), timeout=30).json()[
                    "state"
                ]
                for path in asked
            }

        wait_until(lambda: {"succeeded"} == states())
    assert (20_000, 20_000) == there()


def test_a_stopped_worker_that_has_lost_its_job_commits_nothing_when_it_wakes(
    ask, start, database, there
):
    count = 150_000
    job = ask(count)
    sleeper = start()
    wait_until(lambda: job().done > 0)
    # Between two chunks: in SQLite's one transaction it would keep everybody waiting.
    with database.transaction():
        time.sleep(0.2)
        sleeper.send_signal(signal.SIGSTOP)
    start()
    done = job().done
    wait_until(lambda: job().done > done)
    sleeper.send_signal(signal.SIGCONT)
    wait_until(lambda: job().finished_at is not None)
    assert ("succeeded", count) == (job().state, job().done)
    assert (count, count) == there()


def test_sigterm_ends_a_worker_after_its_chunk_and_the_next_goes_on_at_once(
    ask, start, there, database
):
    job = ask(3_000_000)
    worker = start()
    wait_until(lambda: job().done > 0)
    worker.send_signal(signal.SIGTERM)
    assert 0 == worker.wait(120)
    assert (job().done, job().done) == there()
    assert [job().id] == [key.id for key in SQLWork(database).due(10)]


def test_a_cancelled_job_stops_under_its_worker(ask, start, database, there):
    job = ask(3_000_000)
    start()
    wait_until(lambda: job().done > 0)
    cancelled = SQLJobs(database).cancel("brand", "default", job().id, system_clock())
    other = ask(10)
    wait_until(lambda: other().finished_at is not None)
    assert cancelled == job()
    assert (cancelled.done + 10,) * 2 == there()


def test_a_small_job_does_not_wait_for_the_end_of_a_large_one(ask, start):
    large = ask(10_000_000)
    start()
    wait_until(lambda: large().done > 0)
    small = ask(10, brand="other")
    wait_until(lambda: small().finished_at is not None)
    assert large().finished_at is None
    done = large().done
    wait_until(lambda: large().done > done)


def test_the_check_says_whether_a_worker_has_what_it_needs(env):
    def check(**changed):
        return subprocess.run(  # noqa: PLW1510 - its exit status is what is asked for
            [DISCOUNT, "worker", "--check"], env=env | changed, capture_output=True, text=True
        )

    assert 0 == check().returncode
    empty = Path(env["HOME"]) / "empty.db"
    nothing = check(DISCOUNT_DATABASE_URL=f"sqlite:///{empty}")
    assert (1, True) == (nothing.returncode, f"no database file {empty}" in nothing.stderr)
    empty.touch()
    nothing = check(DISCOUNT_DATABASE_URL=f"sqlite:///{empty}")
    assert (1, "tables: no tables yet") == (nothing.returncode, nothing.stderr[7:28])


def test_a_workers_metrics_are_on_a_port_of_its_own(ask, start, tmp_path):
    port = free_port()
    job = ask(1000)
    start(DISCOUNT_WORKER_METRICS_PORT=str(port))
    wait_until(lambda: job().finished_at is not None)

    def shown():
        return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text

    wait_until(
        lambda: 'discount_jobs_ended_total{kind="generate",state="succeeded"} 1.0' in shown()
    )
    assert 'discount_job_rows_total{kind="generate"} 1000.0' in shown()
    assert "discount_codes_created_total 1000.0" in shown()
