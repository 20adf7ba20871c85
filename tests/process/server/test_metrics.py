"""Metrics of a real gunicorn: correct with several workers, whatever happens to them."""

import os
import platform
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import requests

from service import __version__
from service.observability.metrics.counter_files import PREFIX
from tests.process.server.callers import create, metric
from tests.support.running import running
from tests.support.tokens import bearer
from tests.support.waiting import get_when_up, wait_until

ATTEMPTS = 10


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Three workers, for the tests of this module that do not change the service."""
    with running(tmp_path_factory.mktemp("service"), WEB_CONCURRENCY="3") as running_service:
        yield running_service


def test_every_workers_requests_are_counted(service):
    create(service, "counted", 5)
    before = metric(service, 'route="/v1/discount/fetch/{brand}/{user}",status="200"')
    for number in range(30):
        url = f"{service.url}/v1/discount/fetch/counted/user{number % 5}"
        assert 200 == requests.get(url, headers=bearer(), timeout=30).status_code
    after = metric(service, 'route="/v1/discount/fetch/{brand}/{user}",status="200"')
    assert 30 == after - before
    assert 0 == metric(service, 'discount_codes_available{brand="counted",campaign="default"}')


def test_codes_left_follow_the_database(service):
    create(service, "left", 7)
    gauge = 'discount_codes_available{brand="left",campaign="default"}'
    assert 7 == metric(service, gauge)
    requests.get(f"{service.url}/v1/discount/fetch/left/u", headers=bearer(), timeout=30)
    assert 6 == metric(service, gauge)


def test_each_worker_notes_its_connections(service):
    most = 3 * (16 + 3)  # workers, their threads, and what SQLite has beyond
    wait_until(lambda: most == metric(service, "discount_database_connections_max "))
    wait_until(lambda: 0 == metric(service, 'discount_database_connections{state="in_use"}'))


def test_a_call_that_does_not_end_is_seen_meanwhile(service):
    create(service, "waits", 1)
    path = service.environment["DISCOUNT_DATABASE_URL"].removeprefix("sqlite:///")
    call = threading.Thread(
        target=requests.get,
        args=[f"{service.url}/v1/discount/fetch/waits/u"],
        kwargs={"headers": bearer(), "timeout": 60},
    )
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        call.start()
        wait_until(lambda: metric(service, "discount_oldest_call_seconds ") > 0)
        assert 1 == metric(service, "discount_calls_in_flight ")
        assert 1 <= metric(service, "discount_connections_open ")
        database.execute("ROLLBACK")
    call.join()
    wait_until(lambda: 0 == metric(service, "discount_calls_in_flight "))
    assert 0 == metric(service, "discount_oldest_call_seconds ")


def test_a_pool_that_is_asked_in_vain_is_counted_even_if_it_never_had_a_code(service):
    """By whichever process is asked."""
    create(service, "vain", 1)
    job = {"kind": "generate", "count": 1}
    jobs = f"{service.url}/v1/brands/new/campaigns/default/jobs"
    assert 202 == requests.post(jobs, json=job, headers=bearer(), timeout=30).status_code
    for brand, users in (("vain", 4), ("new", 2)):
        for user in range(users):
            url = f"{service.url}/v1/discount/fetch/{brand}/{user}"
            requests.get(url, headers=bearer(), timeout=30)
    for brand, number in (("vain", 3), ("new", 2), ("counted", 0)):
        series = f'discount_pool_exhausted_total{{brand="{brand}",campaign="default"}}'
        wait_until(lambda: number == metric(service, series))  # noqa: B023 - called in this round


def test_failures_are_0_before_the_first_one(service):
    """Prometheus sees no increase in a series that begins with the first failures."""
    text = requests.get(service.metrics_url, timeout=30).text
    for route, status in (("/v1/discount/fetch/{brand}/{user}", 500), ("unmatched", 503)):
        labels = f'method="GET",route="{route}",status="{status}"'
        assert f"discount_http_requests_total{{{labels}}} 0.0" in text
    assert 'discount_rate_limited_total{problem="rate-limited"} 0.0' in text


def test_the_running_version_is_shown(service):
    build = f'discount_build_info{{python="{platform.python_version()}",version="{__version__}"}}'
    assert 1 == metric(service, build)
    assert 3 == metric(service, "discount_workers ")
    assert time.time() - 600 < metric(service, "discount_start_time_seconds ") < time.time()
    assert 20e6 < metric(service, "discount_worker_resident_bytes ") < 500e6


def test_prometheus_own_checker_finds_nothing(service):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    text = requests.get(service.metrics_url, timeout=30).text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_metrics_are_on_their_own_port_alone(service):
    assert 401 == requests.get(f"{service.url}/metrics", timeout=30).status_code
    other = service.metrics_url.replace("/metrics", "/")
    assert 404 == requests.get(other, timeout=30).status_code


def test_a_worker_that_was_killed_is_replaced_and_its_counts_stay(tmp_path):
    """The number of files stays the same, however many workers are killed."""
    files = set()
    with running(tmp_path, WEB_CONCURRENCY="2") as service:
        create(service, "kept", 5)
        wait_until(lambda: len(service.workers) == 2)  # the first is ready before the second
        for killed_so_far in (2, 4, 6):
            killed = service.workers
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(service.workers - killed) == 2)  # noqa: B023 - called in this round
            assert 5 == metric(service, "discount_codes_created_total")
            assert killed_so_far == metric(service, "discount_workers_ended_total")
            assert 200 == get_when_up(f"{service.url}/readyz").status_code
            files.add(len(counter_files(service)))
    assert 1 == len(files), files


def counter_files(service):
    (folder,) = Path("/dev/shm").glob(f"{PREFIX}{service.process.pid}-*")  # noqa: S108
    return list(folder.iterdir())


def test_a_reload_keeps_counting(tmp_path):
    """SIGHUP makes gunicorn reload its configuration; the counters stay valid."""
    with running(tmp_path) as service:
        create(service, "brand1", 5)
        before = service.workers
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: service.workers - before and not service.workers & before)
        create(service, "brand1", 7)
        assert 12 == metric(service, "discount_codes_created_total")


def test_a_database_that_is_none_hides_no_counters(tmp_path):
    with running(tmp_path) as service:
        create(service, "brand1", 5)
        for file in tmp_path.glob("discount.db*"):
            file.unlink()
        (tmp_path / "discount.db").write_bytes(b"no database" * 1000)
        assert 5 == metric(service, "discount_codes_created_total")
        assert "database_unavailable" in {line["event"] for line in service.lines}


def test_metrics_answer_while_every_worker_is_busy(tmp_path):
    """The workers are stopped, and a caller waits without an answer: nothing is ready."""
    with running(tmp_path, WEB_CONCURRENCY="2") as service:
        create(service, "brand1", 5)
        wait_until(lambda: len(service.workers) == 2)
        wait_until(lambda: 4 == metric(service, "discount_readiness_check{"))
        stopped = service.workers
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(requests.Timeout):
                requests.get(f"{service.url}/livez", timeout=0.5)
            assert "discount_codes_created_total 5.0" in prompt_scrape(service).text
            wait_until(lambda: 0 == metric(service, "discount_readiness_check{"))
            assert 5 < metric(service, "discount_worker_heartbeat_age_seconds ") < 120
            assert 2 == metric(service, "discount_workers ")
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


def prompt_scrape(service):
    """Scrape repeatedly: some scrapes may be slow on a busy machine, but not all."""
    for _ in range(ATTEMPTS):
        answer = requests.get(service.metrics_url, timeout=60)
        if answer.elapsed.total_seconds() < 1:
            return answer
    raise AssertionError(f"each of {ATTEMPTS} scrapes took a second or more")


def test_a_second_service_takes_another_metrics_port(tmp_path):
    """Two runs of `make run` in one checkout: only an explicit METRICS_PORT must be free."""
    with socket.socket() as blocker:
        blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            blocker.bind(("127.0.0.1", 5001))
            blocker.listen()
        except OSError:
            pass  # another process holds it, which is as good
        with running(tmp_path, METRICS_PORT=None) as service:
            lines = [line for line in service.lines if line["event"] == "metrics_listening"]
    (line,) = lines
    assert 5001 != line["port"]
