"""Faults of PostgreSQL: callers get an error soon, and the service recovers."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from statistics import median

import psycopg
import pytest
import requests

from tests.support.running import Running, running
from tests.support.tokens import bearer
from tests.support.waiting import wait_until
from tests.tools.history.engines.postgresql import Drilled, postgresql
from tests.tools.history.proxy import Mode

CALLERS = 48
"""Three times as many callers as threads: none may wait long behind others."""
PAUSE_S = 0.02
"""A caller's pause between two calls, so that an outage is no flood."""
SOON_S = 5.0
BACK_WITHIN_S = 10.0
NOISE_S = 8.0
"""The longest delay by a busy machine, which calls without the database measure."""
BRAND = "brand1"


@dataclass(frozen=True)
class Answer:
    """The answer to a caller, and its duration."""

    status: int
    seconds: float
    retry_after: str | None


@dataclass(frozen=True)
class Trouble:
    """A service, its PostgreSQL, and callers."""

    service: Running
    database: Drilled
    users: Iterator[int]

    def call(self, session: requests.Session, path: str) -> Answer:
        began = time.monotonic()
        answer = session.get(f"{self.service.url}{path}", headers=bearer(), timeout=20)
        waited = time.monotonic() - began
        return Answer(answer.status_code, waited, answer.headers.get("Retry-After"))

    def reserve(self) -> Answer:
        with requests.Session() as session:
            return self.call(session, f"/v1/discount/fetch/{BRAND}/user{next(self.users)}")

    @contextmanager
    def callers(self):
        """Run callers that reserve and look up without pauses during a `with` block.

        One more calls what needs no database, and so measures the machine.
        """
        answers: list[list[Answer]] = [[] for _ in range(CALLERS)]
        beside: list[Answer] = []
        over = threading.Event()

        def measure_noise() -> None:
            with requests.Session() as session:
                while not over.wait(PAUSE_S):
                    beside.append(self.call(session, "/livez"))

        def go_on(number: int) -> None:
            with requests.Session() as session:
                while not over.wait(PAUSE_S):
                    user = number if next(self.users) % 2 else next(self.users)
                    path = f"/v1/discount/fetch/{BRAND}/user{user}"
                    answers[number].append(self.call(session, path))

        with ThreadPoolExecutor(CALLERS + 1) as pool:
            going = [pool.submit(go_on, number) for number in range(CALLERS)]
            going.append(pool.submit(measure_noise))
            try:
                wait_until(lambda: all(answers), "a caller has no answer while it lasts")
                yield answers, beside
            finally:
                over.set()
            for one in going:
                one.result()

    def checks(self) -> dict[str, str]:
        ready = requests.get(f"{self.service.url}/readyz", timeout=20)
        assert (503 == ready.status_code) == (set(ready.json()["checks"].values()) != {"ok"})
        checks: dict[str, str] = ready.json()["checks"]
        return checks

    def checks_once(self, failing: dict[str, str] | None) -> dict[str, str]:
        """Wait until readiness names what fails, and return its checks.

        `None` means that nothing fails: readiness reads, and reading is still possible.
        """
        checks: dict[str, str] = {}

        def noticed() -> bool:
            checks.update(self.checks())
            if failing is None:
                return {"ok"} == set(checks.values())
            return failing.items() <= checks.items() and "ok" != checks["database"]

        wait_until(noticed, "readiness does not notice")
        return checks

    def is_back(self) -> bool:
        wait_until(
            lambda: 200 == self.reserve().status and {"ok"} == set(self.checks().values()),
            "the service does not come back",
            BACK_WITHIN_S + NOISE_S,
        )
        return True


@pytest.fixture(scope="module")
def trouble(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with postgresql(folder) as database, running(folder, **database.settings) as service:
        for _ in range(5):
            body = {"brand": BRAND, "number_to_create": 1000}
            url = f"{service.url}/v1/discount/create"
            requests.post(url, json=body, headers=bearer(), timeout=20).raise_for_status()
        yield Trouble(service, database, itertools.count(CALLERS))


@contextmanager
def killed(database):
    database.server.end(signal.SIGKILL)
    yield
    database.server.start()


@contextmanager
def stopped(database):
    for pid in database.server.pids():
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in database.server.pids():
        os.kill(pid, signal.SIGCONT)


@contextmanager
def unreachable(database):
    database.proxy.set(Mode.HOLD)
    yield
    database.proxy.set(Mode.PASS)
    database.proxy.cut()


@contextmanager
def refusing(database):
    database.proxy.set(Mode.REFUSE)
    database.proxy.cut()
    yield
    database.proxy.set(Mode.PASS)


@contextmanager
def read_only(database):
    """The service is connected to a standby, which takes no writes."""
    with database.connect() as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        wait_until(lambda: is_read_only(database), "PostgreSQL does not heed its settings")
        yield
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")


def is_read_only(database):
    with database.connect() as connection:
        return connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)


@contextmanager
def full(database):
    """Other clients hold every connection that the server allows."""
    with ExitStack() as stack:
        administrator = stack.enter_context(database.connect())
        ended = 1
        while ended:  # the service reconnects quickly, and may get the place first
            ended = administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'discount'"
            ).rowcount
            with suppress(psycopg.OperationalError):
                while True:
                    stack.enter_context(database.connect())
        yield


@contextmanager
def locked(database):
    """Another session holds a lock on the table, as a careless migration would."""
    with database.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE code")
        yield


GONE = {"database": "unavailable", "tables": "unavailable"}


@pytest.mark.parametrize(
    ("fault", "failing"),
    [
        (killed, GONE),
        (stopped, {}),  # "unavailable" or "timed out", whichever is noticed first
        (unreachable, {}),
        (refusing, GONE),
        (read_only, {"database": "read-only"}),
        (full, GONE),
        (locked, None),
    ],
)
def test_callers_hear_of_it_soon_and_the_service_comes_back(trouble, fault, failing):
    """Whatever the fault: 503 within 5 s, alive, and recovered within 10 s after it.

    The fault lasts until every caller has been answered.
    """
    assert trouble.is_back()
    with fault(trouble.database), trouble.callers() as (answers_of_callers, beside):
        checks = trouble.checks_once(failing)
        assert 200 == requests.get(f"{trouble.service.url}/livez", timeout=20).status_code
        assert requests.get(trouble.service.metrics_url, timeout=1 + NOISE_S).ok
    answers = [answer for some in answers_of_callers for answer in some]
    assert {200, 503} >= {answer.status for answer in answers}
    assert 503 in {answer.status for answer in answers}
    assert all(answer.retry_after for answer in answers if answer.status == 503)
    assert median(answer.seconds for answer in answers) < SOON_S
    assert {200} == {answer.status for answer in beside}
    noise_s = 1 + 4 * max(answer.seconds for answer in beside)
    assert max(answer.seconds for answer in answers) < SOON_S + min(NOISE_S, noise_s)
    assert {"ok"} == {checks["drain"], checks["keys"]}
    assert trouble.is_back()
