"""The metrics port and the limit of open files end no server and no worker."""

import os
import resource
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.running import DISCOUNT, environment, free_port, running, running_worker
from tests.support.tables import make_tables
from tests.support.waiting import get_when_up, wait_until


@contextmanager
def half_sent(port, number):
    """Hold connections that have sent half a scrape."""
    with ExitStack() as stack:
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            client.sendall(b"GET /metrics HTTP/1.1\r\nHo")
        yield


def entries(folder):
    return [entry.name for entry in Path(folder).iterdir()]


def threads_of(pid):
    return len(entries(f"/proc/{pid}/task"))


def is_scraped_promptly(url):
    """Some scrapes may be slow on a busy machine, but not all."""
    return any(requests.get(url, timeout=60).elapsed.total_seconds() < 1 for _ in range(10))


def test_a_thousand_half_sent_scrapes_cost_no_thread_and_hold_up_none(tmp_path):
    with running(tmp_path) as service:
        assert is_scraped_promptly(service.metrics_url)
        before = threads_of(service.process.pid)
        with half_sent(int(service.environment["METRICS_PORT"]), 1000):
            assert is_scraped_promptly(service.metrics_url)
            assert threads_of(service.process.pid) <= before + 1  # one asks the store meanwhile
            assert len(entries(f"/proc/{service.process.pid}/fd")) < 200


def test_a_workers_port_has_the_same_limits(tmp_path):
    port = free_port()
    env = environment(tmp_path, DISCOUNT_WORKER_METRICS_PORT=str(port))
    make_tables(env)
    url = f"http://127.0.0.1:{port}/metrics"
    with running_worker(env, tmp_path / "log") as process:
        get_when_up(url)
        before = threads_of(process.pid)
        with half_sent(port, 300):
            assert is_scraped_promptly(url)
            assert threads_of(process.pid) <= before + 1
        assert "discount_log_lines_dropped_total 0.0" in requests.get(url, timeout=60).text


def test_without_a_file_left_nobody_new_is_accepted_and_nobody_dies(tmp_path):
    """Waiting clients are served as soon as file descriptors are available again."""
    with running(tmp_path) as service:
        (worker,) = children(service.process.pid)
        wait_until(lambda: not established(worker))  # idle ones would be closed first
        _, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (used(worker), hard))
        with socket.create_connection(("127.0.0.1", int(service.environment["PORT"]))) as new:
            new.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_until(lambda: "accept_failed" in service.log.read_text())
            before = cpu_s(worker)
            new.settimeout(2)
            with pytest.raises(TimeoutError):
                new.recv(1)
            assert cpu_s(worker) - before < 1
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (hard, hard))
            new.settimeout(60)
            assert new.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert [worker] == children(service.process.pid)
        assert 1 == service.log.read_text().count("accept_failed")
        metrics = requests.get(service.metrics_url, timeout=60).text
        assert "discount_accept_failures_total 0.0" not in metrics
        assert "discount_accept_failures_total" in metrics


def established(pid):
    found = psutil.Process(pid).net_connections("tcp")
    return [each for each in found if each.status == psutil.CONN_ESTABLISHED]


def used(pid):
    """Return the lowest limit that leaves a process no file."""
    handles = set(map(int, entries(f"/proc/{pid}/fd")))
    return next(number for number in range(10_000) if number not in handles)


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listed:  # noqa: PTH123
        return [int(child) for child in listed.read().split()]


@pytest.mark.parametrize("files", [40, 64, 128])
def test_too_small_a_limit_of_files_stops_the_start_with_a_sentence(tmp_path, files):
    done = subprocess.run(
        [DISCOUNT, "serve"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
    )
    assert 0 != done.returncode
    assert "ulimit -n" in done.stderr
    assert "and 1 process (WEB_CONCURRENCY)" in done.stderr
    assert 1 == len(done.stderr.splitlines()), done.stderr
