"""Workers as processes: killed, stopped, several at once."""

import random
import signal
import time
from contextlib import ExitStack

import pytest
import requests

from service.domain.campaigns import OnLapse, Rules
from service.domain.codes import mint
from service.domain.model import State
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.store.opening import reservations_in
from service.store.repositories.store import SQLStore
from service.usecases.jobs import cancel_job
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite
from tests.support.running import free_port, running
from tests.support.tokens import bearer
from tests.support.waiting import wait_until

# Jobs of many codes: to drop a database takes less than to delete its rows.
pytestmark = pytest.mark.own_database


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_worker_killed_at_any_moment_leaves_neither_gap_nor_twin(
    kills, ask, start, let_leases_run_out, there
):
    chance, count = random.Random(5), 20_000 * kills  # noqa: S311 - no secret
    job = ask(count)
    for _ in range(kills):
        before = job()
        worker = start()
        wait_until(lambda: job().done > before.done)  # noqa: B023 - it is called in this round
        time.sleep(chance.uniform(0, 0.03))  # the moment
        worker.kill()
        worker.wait()
        # PostgreSQL may be about to do the last that the worker has asked for.
        wait_until(lambda: (job().done,) * 2 == there(), "not as many codes as the job says")
        let_leases_run_out()
    assert count > job().done
    start()
    wait_until(lambda: job().finished_at is not None, within_s=400)
    assert ("succeeded", count, 0) == (job().state, job().done, job().failed)
    assert (count, count) == there()


def test_two_workers_and_two_servers_at_once_do_each_job_once(
    start, jobs, database_url, there, tmp_path
):
    with ExitStack() as stack:
        servers = []
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            service = running(folder, DISCOUNT_DATABASE_URL=database_url)
            servers.append(stack.enter_context(service))
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
        wait_until(lambda: {"succeeded"} == set(jobs()))
        for path in asked:
            job = requests.get(servers[0].url + path, headers=bearer(), timeout=30).json()
            assert ("succeeded", 2000) == (job["state"], job["done"])
    assert (20_000, 20_000) == there()


def test_a_worker_sweeps_what_has_lapsed(start, database):
    store = SQLStore(database, reservations_in(database))
    add_codes(store, "brand", "default", 2, mint, 1)
    rules = Rules(reservation_ttl_s=60, on_lapse=OnLapse.RECYCLE)
    store.write(lambda tx: tx.set_rules(tx.campaign("brand", "default"), rules), 1)
    store.reserve("brand", "default", "user", 1)
    start()
    wait_until(lambda: 2 == store.brand("brand", 2).counts[State.AVAILABLE])


@on_sqlite
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


@on_sqlite
def test_a_cancelled_job_stops_under_its_worker(ask, start, database, there):
    job = ask(3_000_000)
    start()
    wait_until(lambda: job().done > 0)
    cancelled = cancel_job(SQLJobs(database), "brand", "default", job().id)
    other = ask(10)
    wait_until(lambda: other().finished_at is not None)
    assert cancelled == job()
    assert (cancelled.done + 10,) * 2 == there()


@pytest.mark.long
def test_a_small_job_does_not_wait_for_the_end_of_a_large_one(ask, start):
    """Seconds; tests/store tries turns of jobs with shorter slices."""
    large = ask(10_000_000)
    start()
    wait_until(lambda: large().done > 0)
    small = ask(10, brand="other")
    wait_until(lambda: small().finished_at is not None)
    assert large().finished_at is None
    done = large().done
    wait_until(lambda: large().done > done)


@on_sqlite
def test_a_workers_metrics_are_on_a_port_of_its_own(ask, start):
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
