"""Fixtures of the black-box tests, which call the service at `URL`, or start one without it."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.support.running import DISCOUNT, running, running_worker
from tests.support.tokens import token

OUTSIDE = dict(os.environ)
"""The environment of the test run: the service at `URL` may have its key in it."""


@dataclass(frozen=True)
class Caller:
    """A client that may do everything."""

    url: str
    token: str

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request, with the token unless other headers are given."""
        options.setdefault("headers", {"Authorization": f"Bearer {self.token}"})
        return requests.request(method, f"{self.url}{path}", timeout=60, **options)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    url = OUTSIDE.get("URL")
    if url:
        yield Caller(url.rstrip("/"), OUTSIDE.get("TOKEN") or development_token())
        return
    folder = tmp_path_factory.mktemp("service")
    log = folder / "worker.log"
    with running(folder) as service, running_worker(service.environment, log):
        yield Caller(service.url, token())


def development_token() -> str:
    """Return a token of `discount token`, which shares its defaults with the service."""
    command = [str(DISCOUNT), "token", "--subject", "run-tests-api", "--brand", "*"]
    return subprocess.check_output(command, env=OUTSIDE, text=True).strip()


@pytest.fixture
def brand() -> str:
    """A brand that nobody has used before."""
    return f"test-{uuid.uuid4()}"
