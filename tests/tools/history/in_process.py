"""A drill without processes: clients in threads call an application, and the history is read."""

from functools import partial
from typing import Any

from flask import Flask

from service.app import services_of
from tests.support.waiting import wait_until
from tests.tools.history.checkout_recorder import CheckoutRecorder
from tests.tools.history.connection import Address, Answer, Connection
from tests.tools.history.engines.engine import read
from tests.tools.history.history import History, Kind
from tests.tools.history.workload import Client, Notebook, World, audit, stop

CLIENTS = 4
ENDS_WITHIN_S = 60.0


class InProcess(Connection):
    """Hands requests to an application instead of a socket."""

    def __init__(self, app: Flask) -> None:
        super().__init__(("", 0))
        self._client = app.test_client()

    def call(self, sent: bytes, timeout: float) -> Answer:
        """Make a call; its client is so patient that the time limit does not matter."""
        del timeout
        head, _, body = sent.decode().partition("\r\n\r\n")
        line, *fields = head.split("\r\n")
        method, path, _ = line.split(" ")
        headers = [tuple(field.split(": ", 1)) for field in fields]
        answer = self._client.open(path, method=method, headers=headers, data=body)
        lines = [f"\r\n{name}: {value}" for name, value in answer.headers]
        return Answer(answer.status_code, "".join(lines).lower().encode(), answer.data)


class InProcessRecorder(CheckoutRecorder):
    """A client of an application in this process."""

    def __init__(self, app: Flask, name: str, *rest: Any) -> None:
        super().__init__(name, *rest)
        self._connection = InProcess(app)

    def _connected(self) -> Connection:
        assert self._connection
        return self._connection


def drill_in_process(
    app: Flask, calls: int, seed: str, wanted: frozenset[Kind] = frozenset()
) -> History:
    """Let clients make so many calls, some of them at once, and return the history.

    Args:
        app: The service.
        calls: The least number of calls.
        seed: What clients do follows from it.
        wanted: The kinds of calls of which one must have succeeded before the end.
    """
    notebook = Notebook()
    world = World(notebook)
    recorder: Any = partial(InProcessRecorder, app)
    threads = [
        Client(f"client{number}", _nowhere, world, f"{seed}/{number}", recorder=recorder)
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: _is_enough(notebook, calls, wanted) or any(t.error for t in threads))
    finally:
        stop(threads, ENDS_WITHIN_S)
    brands = {call.brand for call in notebook.calls if call.brand.startswith("brand")}
    audit(recorder("auditor", _nowhere, notebook.keep), sorted(brands))
    with services_of(app).storage.database.read() as connection:
        return History(notebook.calls, *read(lambda query: connection.exec_driver_sql(query).all()))


def _is_enough(notebook: Notebook, calls: int, wanted: frozenset[Kind]) -> bool:
    made = notebook.calls.copy()
    return len(made) >= calls and wanted <= {call.kind for call in made if call.done}


def _nowhere() -> Address:
    return "", 0
