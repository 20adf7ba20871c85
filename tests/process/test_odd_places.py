"""Whatever a folder is called, and whatever the environment brings along, the service works."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from service.settings import HOME
from tests.running import DISCOUNT, START_WITHIN_S, end, environment, free_port, running
from tests.tables import make_tables
from tests.tokens import bearer
from tests.waiting import get_when_up, wait_until

ODD = "a%2Fb what?x=1#y;z&%"


def discount(env, *command):
    done = subprocess.run(
        [DISCOUNT, *command],
        env=env,
        capture_output=True,
        text=True,
        timeout=START_WITHIN_S,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done


def reserve(url):
    created = requests.post(
        f"{url}/v1/discount/create",
        json={"brand": "b", "number_to_create": 3},
        headers=bearer(),
        timeout=60,
    )
    assert 3 == len(created.json())
    answer = requests.get(f"{url}/v1/discount/fetch/b/u", headers=bearer(), timeout=60)
    assert any(code in answer.text for code in created.json())


def test_a_database_may_be_anywhere(tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    with running(folder) as service:
        reserve(service.url)
        answer = requests.post(
            f"{service.url}/v1/brands/b/campaigns/default/jobs",
            json={"kind": "generate", "count": 1},
            headers=bearer(),
            timeout=60,
        )
        assert 202 == answer.status_code
        discount(service.environment, "db", "backup", str(folder / "copy.db"))
        discount(service.environment, "db", "upgrade")
        discount(service.environment, "worker", "--check")
        discount(service.environment, "verify")
    assert [folder.name] == [entry.name for entry in tmp_path.iterdir()]
    names = {path.name for path in folder.iterdir()}
    assert {"discount.db", "copy.db", "discount.db-writers"} <= names


def test_a_checkout_may_be_anywhere(tmp_path):
    """With the default database below it, and gunicorn's configuration."""
    checkout = tmp_path / ODD
    checkout.mkdir()
    for part in ("service", "config"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HOME / part, checkout / part, ignore=ignored)
    shutil.copy(HOME / "pyproject.toml", checkout)
    env = environment(tmp_path, DISCOUNT_DATABASE_URL=None)
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "run", "--upgrade"], env=env, cwd=checkout
    )
    url = f"http://127.0.0.1:{env['PORT']}"
    try:
        wait_for(url, process)
        reserve(url)
    finally:
        end(process)
    assert (checkout / "var" / "discount.db").is_file()


def wait_for(url, process):
    def is_ready():
        assert process.poll() is None
        return get_when_up(f"{url}/readyz").ok

    wait_until(is_ready)


@pytest.mark.parametrize("folder", ["/none/such", "."])
def test_a_folder_of_counters_from_outside_is_not_used(tmp_path, folder):
    env = environment(tmp_path, PROMETHEUS_MULTIPROC_DIR=folder, prometheus_multiproc_dir=folder)
    make_tables(env)
    process = subprocess.Popen([DISCOUNT, "run"], env=env, cwd=tmp_path)
    url = f"http://127.0.0.1:{env['PORT']}"
    try:
        wait_for(url, process)
        reserve(url)
        metrics = requests.get(f"http://127.0.0.1:{env['METRICS_PORT']}/metrics", timeout=5).text
        assert "discount_codes_created_total 3.0" in metrics
    finally:
        end(process)
    assert not list(Path(tmp_path).glob("*_[0-9]*.db"))


def test_a_workers_port_is_not_what_a_development_server_takes_by_default(tmp_path):
    """`discount run` begins both at once, and 5001 is the worker's."""
    env = environment(tmp_path, METRICS_PORT=None, DISCOUNT_WORKER_METRICS_PORT="5001")
    make_tables(env)
    process = subprocess.Popen([DISCOUNT, "serve"], env=env, stdout=subprocess.PIPE)
    assert process.stdout
    try:
        line = next(line for line in process.stdout if b"metrics_listening" in line)
    finally:
        end(process)
        process.stdout.close()
    assert b'"port":5001' not in line


def test_two_that_listen_on_one_port_stop_the_start_with_a_sentence(tmp_path):
    port = str(free_port())
    env = environment(tmp_path, METRICS_PORT=port, DISCOUNT_WORKER_METRICS_PORT=port)
    done = subprocess.run(
        [DISCOUNT, "run"], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert 0 != done.returncode
    assert f"METRICS_PORT and DISCOUNT_WORKER_METRICS_PORT are both {port}" in done.stderr
