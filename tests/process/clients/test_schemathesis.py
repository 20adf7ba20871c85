"""schemathesis: calls made up from the OpenAPI document, and every check that it knows.

`--checks all` is meant: answers as documented (status, type, headers, schema), what the document
allows is accepted and what it does not is refused, no call without a token, 405 with `Allow`.
"""

import subprocess
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest
import requests

from service.settings import Settings
from service.store.opening import open_database, reservations_in
from service.store.repositories.store import SQLStore
from tests.support.creating import add_codes
from tests.support.running import running
from tests.support.tokens import bearer

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
HOOKS = Path(__file__).parent / "schemathesis_hooks.py"
EXAMPLES = [
    pytest.param(2, marks=pytest.mark.timeout(400)),
    pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
]
"""Examples for each operation, besides those of the deterministic phase "coverage"."""


@pytest.fixture
def service(tmp_path):
    with running(tmp_path) as running_service:
        made = with_the_code_of_the_examples(running_service)
        assert 201 == requests.put(made, headers=bearer(), timeout=60).status_code
        created = requests.post(
            f"{running_service.url}/v1/discount/create",
            json={"brand": "brand1", "number_to_create": 1000},  # the examples' brand
            headers=bearer(),
            timeout=60,
        )
        assert 200 == created.status_code
        yield running_service


def with_the_code_of_the_examples(service):
    """Add the code of the examples, and return the URL of the reservation of their user."""
    settings = Settings(database_url=service.environment["DISCOUNT_DATABASE_URL"], jwt_secret="")
    with closing(open_database(settings, threads=1)) as database:
        store = SQLStore(database, reservations_in(database))
        add_codes(store, "brand1", "default", 1, lambda _: ["QMYFRFPA99E7"], 1_700_000_000_000)
    return f"{service.url}/v1/brands/brand1/campaigns/default/reservations/user1"


def run(service, folder, examples):
    """Run it, and return how it ended."""
    return subprocess.run(
        [
            SCHEMATHESIS,
            "run",
            f"{service.url}/apispec_1.json",
            *("--header", f"Authorization: {bearer()['Authorization']}"),
            *("--phases", "examples,coverage,fuzzing,stateful"),
            *("--checks", "all"),
            # DELETE of a job cancels it; it stays, and says how far it came.
            *("--exclude-checks", "use_after_free"),
            *("--max-examples", str(examples)),
            *("--seed", "1"),
            *("--generation-database", "none"),
            "--continue-on-failure",
            "--no-color",
        ],
        env=service.environment | {"SCHEMATHESIS_HOOKS": str(HOOKS)},
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.parametrize("examples", EXAMPLES)
def test_it_finds_nothing_in_any_phase(service, tmp_path, examples):
    report = run(service, tmp_path, examples)
    assert 0 == report.returncode, report.stdout + report.stderr
    assert "No issues found" in report.stdout

    # The check was not vacuous: each operation succeeded, and was refused, in many ways.
    seen = defaultdict(set)
    for line in service.lines:
        seen[line.get("method"), line.get("route")].add(line.get("status"))
    document = requests.get(f"{service.url}/apispec_1.json", timeout=60).json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            good = {int(status) for status in call["responses"] if status < "300"}
            assert good <= seen[method.upper(), path], (method, path)
            if call["security"]:
                assert {400, 401} <= seen[method.upper(), path]
