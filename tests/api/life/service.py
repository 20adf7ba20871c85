"""The service as a model's counterpart: calls by name, and a clock that jumps."""

import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from service.app import services_of
from service.formats.timestamps import timestamp
from service.store.opening import lapses_in
from service.usecases.ports import clock
from service.usecases.ports.lapses import Lapsed
from service.usecases.sweeping import Sweeper
from tests.support.tokens import ALL_SCOPES, bearer

SCOPES = f"{ALL_SCOPES} discounts:redeem discounts:audit"
BRAND = "brand1"


class OneRound:
    """Observes whether a sweeper has searched all campaigns."""

    ended = False

    def lapsed(self, codes: Lapsed) -> None:
        """Note nothing: the counts are compared."""

    def round_ended(self) -> None:
        self.ended = True


class Clock:
    """The clock of all use cases; only jumps move it."""

    def __init__(self) -> None:
        self.now = time.time_ns() // 1_000_000

    def time_ns(self) -> int:
        return self.now * 1_000_000


@contextmanager
def jumping_clock():
    """Give the use cases a clock of their own."""
    own = Clock()
    with patch.object(clock, "time", SimpleNamespace(time_ns=own.time_ns)):
        yield own


class Service:
    """The calls about the life of codes of a brand."""

    def __init__(self, app: Any) -> None:
        self._client = app.test_client()
        self._headers = bearer(scope=SCOPES)
        self._app = app

    def call(self, method: str, path: str, body: object = None, **query: str) -> Any:
        return self._client.open(
            path, method=method, json=body, query_string=query, headers=self._headers
        )

    def campaign(self, method: str, campaign: str, rest: str = "", **options: Any) -> Any:
        return self.call(method, f"/v1/brands/{BRAND}/campaigns/{campaign}{rest}", **options)

    def code(self, method: str, code: str, rest: str = "", **options: Any) -> Any:
        return self.call(method, f"/v1/brands/{BRAND}/codes/{code}{rest}", **options)

    def user(self, method: str, user: str, rest: str = "", **query: str) -> Any:
        return self.call(method, f"/v1/brands/{BRAND}/users/{user}{rest}", **query)

    def sweep(self, now: int) -> None:
        """Let the sweeper write all lapses that are due."""
        lapses = lapses_in(services_of(self._app).storage.database)
        sweep = OneRound()
        sweeper = Sweeper(lapses, sweep, interval_s=0)
        while not sweep.ended:
            sweeper.step(now)


def moment(millis: int | None) -> str | None:
    """Return a moment as answers have it."""
    return None if millis is None else timestamp(millis)
