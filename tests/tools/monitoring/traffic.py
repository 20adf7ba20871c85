"""Callers that use a service all the time."""

import itertools
import threading
import time
from contextlib import suppress
from typing import Self

import requests

from tests.support.running import Running

STEADY = "steady"
"""The brand that callers use all the time."""
CALLERS = 2
PAUSE_S = 0.2


class Callers:
    """Threads that ask for codes, each for a user of its own every time.

    Args:
        service: Whom they ask.
        headers: What identifies them; whatever it is at the moment of a call.
        brand: Whose codes.
        path: What they ask for; `{}` stands for a user.
        number: How many there are.
        pause_s: How long each waits between two calls.
    """

    def __init__(
        self,
        service: Running,
        headers: dict[str, str],
        brand: str = STEADY,
        number: int = CALLERS,
        pause_s: float = PAUSE_S,
        path: str = "",
    ) -> None:
        self._url = service.url + (path or f"/v1/discount/fetch/{brand}/{{}}")
        self._headers = headers
        self._pause_s = pause_s
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, name="caller", daemon=True) for _ in range(number)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        users = itertools.count()
        me = threading.get_ident()
        with requests.Session() as session:
            while not self._over.wait(self._pause_s):
                with suppress(requests.RequestException):
                    url = self._url.format(f"{me}-{time.time_ns()}-{next(users)}")
                    session.get(url, headers=self._headers, timeout=10)
