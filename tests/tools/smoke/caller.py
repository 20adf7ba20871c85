"""Calls of the service: one at a time, or without a pause while it stops."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

BASE = "http://127.0.0.1:5000"


class Caller:
    """Calls the service with a token.

    Args:
        token: Whose it is.
    """

    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """Call, and return what the answer holds.

        Raises:
            AssertionError: It is another answer than the one expected.
        """
        url = f"{BASE}{path}"
        answer = requests.request(method, url, headers=self._headers, timeout=10, **options)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    def create(self, brand: str, count: int) -> list[str]:
        body = {"brand": brand, "number_to_create": count}
        codes: list[str] = self("POST", "/v1/discount/create", json=body)
        return codes

    def fetch(self, brand: str, user: str) -> str:
        code: str = self("GET", f"/v1/discount/fetch/{brand}/{user}")["discount_code"]
        return code

    def job(self, brand: str, count: int) -> str:
        """Request codes from a worker; return the final state of the job."""
        jobs = f"/v1/brands/{brand}/campaigns/default/jobs"
        job = self("POST", jobs, 202, json={"kind": "generate", "count": count})
        deadline = time.monotonic() + 60
        while job["state"] in {"queued", "running"} and time.monotonic() < deadline:
            time.sleep(0.2)
            job = self("GET", f"{jobs}/{job['id']}")
        state: str = job["state"]
        return state

    @contextmanager
    def steadily(self, brand: str) -> Iterator[list[int]]:
        """Fetch repeatedly, and yield the statuses until nothing listens."""
        statuses: list[int] = []
        over = threading.Event()

        def fetch() -> None:
            with requests.Session() as session:
                session.headers.update(self._headers)
                while not over.is_set():
                    try:
                        url = f"{BASE}/v1/discount/fetch/{brand}/steady"
                        statuses.append(session.get(url, timeout=10).status_code)
                    except requests.ConnectionError as error:
                        if "refused" in str(error):
                            return
                        statuses.append(0)
                    time.sleep(0.01)

        thread = threading.Thread(target=fetch)
        thread.start()
        try:
            yield statuses
        finally:
            over.set()
            thread.join()
