"""A tenant that fills a real disk: others can still reserve, and the disk is freed."""

import subprocess
import time
from contextlib import contextmanager

import pytest
import requests
from click.testing import CliRunner

from service.cli import main
from tests.support.running import DISCOUNT, running
from tests.support.tokens import bearer
from tests.tools.monitoring.surroundings import small_disk

C = "/v1/brands/{}/campaigns/default"
CSV = bearer(sub="greedy") | {"Content-Type": "text/csv"}
LIST = b"".join(b"CODE-%07d,%s\n" % (number, b"x" * 85) for number in range(20_000))
"""Some 2 MB."""
WITHIN_S = 120


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service on a disk of 48 MB, of which 12 are reserved for reservations."""
    with (
        small_disk("48m") as disk,
        running(
            tmp_path_factory.mktemp("service"),
            DISCOUNT_DATABASE_URL=f"sqlite:///{disk}/discount.db",
            DISCOUNT_DISK_RESERVE_BYTES=str(12 * 1024**2),
        ) as made,
    ):
        yield made


@contextmanager
def worker(service):
    process = subprocess.Popen(
        [DISCOUNT, "worker"],
        env=service.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def create(service, number, brand="brand1"):
    return requests.post(
        f"{service.url}/v1/discount/create",
        json={"brand": brand, "number_to_create": number},
        headers=bearer(),
        timeout=30,
    )


def gauge(service, name):
    lines = requests.get(service.metrics_url, timeout=10).text.splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(value)


def test_others_go_on_while_a_tenant_fills_the_disk(service):
    assert 200 == create(service, 100).status_code
    jobs, status = [], 202
    for number in range(60):
        url = service.url + C.format(f"greedy{number // 8}") + "/imports"
        answer = requests.post(url, data=LIST, headers=CSV, timeout=60)
        status = answer.status_code
        if status != 202:
            break
        jobs.append(service.url + answer.headers["Location"])
    assert (507, "/problems/insufficient-storage") == (status, answer.json()["type"])
    assert 0 < int(answer.headers["Retry-After"])
    while (answer := create(service, 1000)).status_code == 200:
        continue  # they are smaller than a list
    assert 507 == answer.status_code
    assert 1 == gauge(service, "discount_disk_low")
    for number in range(50):
        url = f"{service.url}/v1/discount/fetch/brand1/user{number}"
        assert 200 == requests.get(url, headers=bearer(), timeout=10).status_code
    for job in jobs:
        assert 200 == requests.delete(job, headers=CSV, timeout=10).status_code
    assert 507 == create(service, 1000).status_code  # until the old files have been purged
    with worker(service):
        deadline = time.monotonic() + WITHIN_S
        while (answer := create(service, 1000)).status_code == 507:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert 200 == answer.status_code
    assert 0 == gauge(service, "discount_disk_low")
    done = CliRunner().invoke(main, ["verify"], env=service.environment)
    assert 0 == done.exit_code, done.output
