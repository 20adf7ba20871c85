"""Fixtures of imports over HTTP, and of the clock."""

import json
import time
from types import SimpleNamespace

import pytest

from service.formats.list_form import ListType
from tests.api.conftest import C
from tests.api.views.import_paths import IMPORTS, TABLES
from tests.support.working import do_all


@pytest.fixture
def send(client, auth):
    """Send a list."""

    def post(content, path=IMPORTS, form=ListType.CSV, headers=None, **options):
        headers = auth | {"Content-Type": form} | (headers or {})
        return client.post(path, data=content, headers=headers, **options)

    return post


@pytest.fixture
def imported(database, client, auth, send):
    """Send a list, run a worker, and return the finished job."""

    def run(content, path=IMPORTS, **options):
        answer = send(content, path, **options)
        assert 202 == answer.status_code, answer.text
        do_all(database)
        return client.get(answer.headers["Location"], headers=auth).json

    return run


@pytest.fixture
def report(client, auth):
    """Fetch a job's report."""

    def take(job, accept=ListType.NDJSON):
        path = f"{C}/jobs/{job['id']}/report"
        return client.get(path, headers=auth | {"Accept": accept}, buffered=True)

    return take


@pytest.fixture
def refusals(report):
    """Parse a job's report."""
    return lambda job: [
        (row["line"], row["reason"]) for row in map(json.loads, report(job).text.splitlines())
    ]


@pytest.fixture
def stored(client, auth):
    """Return the campaign's codes."""

    def codes(path=C):
        answer = client.get(f"{path}/codes?limit=1000", headers=auth)
        return sorted(row["code"] for row in answer.json.get("items", ()))

    return codes


@pytest.fixture
def staged(database):
    """Count the stored rows of files."""

    def count():
        with database.read() as connection:
            return {
                table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
                for table in TABLES
            }

    return count


@pytest.fixture
def later(monkeypatch):
    """Set the service's clock some seconds ahead."""

    def advance(seconds):
        def time_ns():
            return time.time_ns() + int(seconds * 1e9)

        monkeypatch.setattr("service.usecases.ports.clock.time", SimpleNamespace(time_ns=time_ns))

    return advance
