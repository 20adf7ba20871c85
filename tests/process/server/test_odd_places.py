"""The service works in any folder and any environment."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from click.testing import CliRunner

from service.cli import main
from service.settings import HOME
from tests.support.running import (
    START_WITHIN_S,
    end,
    environment,
    free_port,
    is_alive,
    running,
    running_worker,
)
from tests.support.tokens import bearer
from tests.support.waiting import get_when_up, wait_until

ODD = "a%2Fb what?x=1#y;z&%"


def discount(env, *command):
    done = CliRunner().invoke(main, command, env=env)
    assert 0 == done.exit_code, done.stderr


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
    """The default database is created below the folder, and gunicorn's configuration is found."""
    checkout = tmp_path / ODD
    checkout.mkdir()
    for part in ("service", "config"):
        shutil.copytree(HOME / part, checkout / part)
    shutil.copy(HOME / "pyproject.toml", checkout)
    env = environment(tmp_path, DISCOUNT_DATABASE_URL=None)
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "run", "--upgrade"], env=env, cwd=checkout
    )
    url = f"http://127.0.0.1:{env['PORT']}"
    try:
        wait_for(url, process)
        reserve(url)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(START_WITHIN_S)
        assert not any(is_alive(each.pid) for each in family)
    finally:
        end(process)
    assert (checkout / "var" / "discount.db").is_file()


def wait_for(url, process):
    def is_ready():
        assert process.poll() is None
        return get_when_up(f"{url}/readyz").ok

    wait_until(is_ready)


@pytest.mark.parametrize("folder", ["/none/such", "."])
def test_a_folder_of_counters_from_outside_is_not_used(tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"PROMETHEUS_MULTIPROC_DIR": folder, "prometheus_multiproc_dir": folder}
    log = tmp_path / "worker.log"
    with running(tmp_path, **settings) as service, running_worker(service.environment, log):
        reserve(service.url)
        metrics = requests.get(service.metrics_url, timeout=60).text
        assert "discount_codes_created_total 3.0" in metrics
        wait_until(lambda: "worker_started" in log.read_text())
    assert not list(Path(tmp_path).glob("*_[0-9]*.db"))


def test_a_workers_port_is_not_what_a_development_server_takes_by_default(tmp_path):
    """`discount run` starts both at once, and 5001 is the worker's port."""
    settings = {"METRICS_PORT": None, "DISCOUNT_WORKER_METRICS_PORT": "5001"}
    with running(tmp_path, **settings) as service:
        (line,) = [line for line in service.lines if line["event"] == "metrics_listening"]
    assert 5001 != line["port"]


def test_two_that_listen_on_one_port_stop_the_start_with_a_sentence(tmp_path):
    port = str(free_port())
    env = environment(tmp_path, METRICS_PORT=port, DISCOUNT_WORKER_METRICS_PORT=port)
    done = CliRunner().invoke(main, ["run"], env=env)
    assert 0 != done.exit_code
    assert f"METRICS_PORT and DISCOUNT_WORKER_METRICS_PORT are both {port}" in done.stderr
