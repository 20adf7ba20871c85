"""`discount run` supervises a server and a worker, and restarts each if it dies."""

import os
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress

import psutil
import pytest
import requests

from tests.support import forked
from tests.support.running import DISCOUNT, START_WITHIN_S, end, environment, is_alive
from tests.support.tables import make_tables
from tests.support.tokens import bearer
from tests.support.waiting import wait_until

C = "/v1/brands/brand1/campaigns/default"


def children(pid):
    """Return the children of a process by their commands."""
    return {
        name: child.pid
        for child in psutil.Process(pid).children()
        for name in ("gunicorn", "worker")
        if name in command_of(child)
    }


def command_of(process):
    with suppress(psutil.Error):  # it has just ended
        return process.cmdline()
    return []


@contextmanager
def supervised(folder, **changed):
    """Run a server and a worker on a database of their own."""
    env = environment(folder, **changed)
    make_tables(env)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([DISCOUNT, "run"], env=env, stdout=log, stderr=log)
    try:
        yield process, f"http://127.0.0.1:{env['PORT']}"
    finally:
        end(process)


def answers(url):
    try:
        return requests.get(f"{url}/readyz", timeout=30).ok
    except requests.RequestException:
        return False


def test_a_job_is_asked_for_and_done_while_both_die_and_come_back(tmp_path):
    """And when the supervisor is killed in the end, no process stays behind."""
    with supervised(tmp_path) as (process, url):
        wait_until(lambda: answers(url) and len(children(process.pid)) == 2)
        before = children(process.pid)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: (
                len(children(process.pid)) == 2
                and not set(before.values()) & set(children(process.pid).values())
            )
        )
        answered = []

        def ask():
            """Retry with the same key until there is an answer, as a caller should."""
            with suppress(requests.RequestException):
                answered.append(
                    requests.post(
                        f"{url}{C}/jobs",
                        json={"kind": "generate", "count": 10},
                        headers=bearer() | {"Idempotency-Key": "once"},
                        timeout=30,
                    )
                )
            return answered and answered[-1].status_code == 202

        wait_until(ask)
        location = answered[-1].headers["Location"]

        def state():
            """Return the job, or `None` while the server restarts."""
            with suppress(requests.RequestException):
                return requests.get(url + location, headers=bearer(), timeout=30).json()["state"]
            return None

        wait_until(lambda: state() == "succeeded")
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        wait_until(lambda: not any(is_alive(each.pid) for each in family))
    assert 3 == len(family), "gunicorn, its worker, and the worker of jobs"
    assert 2 == (tmp_path / "log").read_text().count('"process_died"')


@pytest.mark.long
def test_what_cannot_begin_ends_the_rest_with_its_status(tmp_path):
    """The same with simpler children: test_supervisor_signals.py."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        supervised(tmp_path, DISCOUNT_WORKER_METRICS_PORT=str(taken.getsockname()[1])) as (run, _),
    ):
        assert 1 == run.wait(START_WITHIN_S)
    assert "DISCOUNT_WORKER_METRICS_PORT" in (tmp_path / "log").read_text()


def test_a_worker_that_cannot_listen_ends_with_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        env = environment(tmp_path, DISCOUNT_WORKER_METRICS_PORT=port)
        make_tables(env)
        done = forked.run(["worker"], env)
    assert 1 == done.returncode
    assert f"DISCOUNT_WORKER_METRICS_PORT={port} cannot be listened on" in done.stderr


def test_what_cannot_be_upgraded_is_not_served(tmp_path):
    (tmp_path / "discount.db").write_bytes(b"no database" * 1000)
    done = subprocess.run(
        [DISCOUNT, "run", "--upgrade"],
        check=False,
        env=environment(tmp_path),
        timeout=START_WITHIN_S,
    )
    assert 1 == done.returncode


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_children_stopped_before_they_have_begun_end_with_status_0(tmp_path, signum):
    with supervised(tmp_path) as (process, _):
        wait_until(lambda: len(children(process.pid)) == 2)
        started = children(process.pid).values()
        process.send_signal(signum)
        assert 0 == process.wait(START_WITHIN_S)
        assert not any(map(is_alive, started))
