"""Liveness and readiness probes, as Kubernetes uses them.

In a server, a thread runs the checks every second, and a probe reports their latest results: an
answer never waits for what it checks.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import orjson
from structlog.typing import FilteringBoundLogger

from service.observability.exchange import current_exchange
from service.observability.logging import database_error

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHECK_TIMEOUT_S = 1.0
"""How long a check may take to answer."""
INTERVAL_S = 1.0
"""Seconds between two rounds of checks, unless a round takes longer."""
TIMED_OUT = "timed out"
_STALE_S = INTERVAL_S + CHECK_TIMEOUT_S
"""The age at which a result is stale."""
_REST_S = 0.1

Check = Callable[[], str | None]
"""Returns what is wrong in a word or two, or `None`; an exception is a failure as well."""


class Probe(NamedTuple):
    """The answer to a probe."""

    status: str
    body: bytes
    headers: list[tuple[str, str]]


class Readiness:
    """The latest results of the checks.

    Args:
        at_once: Instant checks by name, which run for each answer.
        checks: The other checks, in their order; those that may take long come last.
        log: Logs failures.
    """

    def __init__(
        self, at_once: Mapping[str, Check], checks: Mapping[str, Check], log: FilteringBoundLogger
    ) -> None:
        self._at_once, self._checks, self._log = at_once, checks, log
        self._words = dict.fromkeys(checks, TIMED_OUT)
        self._reasons: dict[str, str] = {}
        """The database's codes of the failures, for the log alone."""
        self._heard = dict.fromkeys(checks, -math.inf)
        """When each check ended last."""
        self._watcher: threading.Thread | None = None
        self._stopping = threading.Event()
        self._looked = threading.Event()
        self._last_answer: tuple[tuple[str, ...], Probe] = (), _probe({}, 500)

    def start(self) -> None:
        """Start a thread that runs the checks until the process ends.

        Wait for the first round, up to a second, so that the first probe finds results, and the log
        says from the start what is wrong.
        """
        self._watcher = threading.Thread(target=self._watch, name="readiness", daemon=True)
        self._watcher.start()
        self._looked.wait(CHECK_TIMEOUT_S)
        self.answer()

    def stop(self) -> None:
        """Stop the checks; nothing is ready from now on."""
        self._stopping.set()
        if self._watcher:
            self._watcher.join()

    def answer(self) -> Probe:
        """Return the readiness; run the checks first if there is no thread."""
        if self._watcher is None:
            self._look_in_time()
        return self._answer_of(self.results())

    @property
    def names(self) -> Sequence[str]:
        """The names of all checks."""
        return (*self._at_once, *self._checks)

    def results(self) -> dict[str, str]:
        """Return "ok" or what is wrong, for each check in the order of `names`."""
        now = time.monotonic()
        words = {name: _run(check) for name, check in self._at_once.items()}
        for name in self._checks:
            fresh = now - self._heard[name] < _STALE_S
            words[name] = self._words[name] if fresh else TIMED_OUT
        return words

    def _answer_of(self, words: dict[str, str]) -> Probe:
        """Return an answer, the previous one if nothing has changed."""
        key = tuple(words.values())
        if key != self._last_answer[0]:
            ready = set(key) <= {"ok"}
            content = {"status": "ready" if ready else "not ready", "checks": words}
            was_ready = set(self._last_answer[0]) <= {"ok"}
            self._last_answer = key, _probe(content, 200 if ready else 503)
            if not ready:
                self._log.warning("not_ready", checks=words, reasons=dict(self._reasons))
            elif not was_ready:
                self._log.info("ready_again", checks=words)
        return self._last_answer[1]

    def _watch(self) -> None:
        rest_s = 0.0
        while not self._stopping.wait(rest_s):
            began = time.monotonic()
            self._look()
            self._looked.set()
            rest_s = max(_REST_S, began + INTERVAL_S - time.monotonic())

    def _look(self) -> None:
        for name, check in self._checks.items():
            self._words[name] = _run(check, partial(self._note, name))
            self._heard[name] = time.monotonic()

    def _note(self, name: str, error: Exception | None) -> None:
        """Note why a check failed, if the database has a code for it."""
        self._reasons.pop(name, None)
        if reason := database_error(error):
            self._reasons[name] = reason

    def _look_in_time(self) -> None:
        """Run the checks in a thread, and wait for it no longer than for one check."""
        self._heard = dict.fromkeys(self._checks, -math.inf)
        looking = threading.Thread(target=self._look, name="readyz", daemon=True)
        looking.start()
        looking.join(CHECK_TIMEOUT_S)


class Probes:
    """A WSGI middleware that answers the probes and passes other requests on.

    Args:
        app: Answers the other requests.
        readiness: The results of the checks.
    """

    def __init__(self, app: "WSGIApplication", readiness: Readiness) -> None:
        self._app = app
        self._logged: dict[str, Probe] = {}
        """The answers that were logged last."""
        self._probes: dict[str, Callable[[], Probe]] = {
            "/livez": lambda: _ALIVE,
            "/readyz": readiness.answer,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        probe = self._probes.get(path) if method in {"GET", "HEAD"} else None
        if probe is None:
            return self._app(environ, start_response)
        exchange, answer = current_exchange(), probe()
        exchange.record.route = path
        exchange.logged = self._logged.get(path) is not answer
        self._logged[path] = answer
        start_response(answer.status, answer.headers)
        return () if method == "HEAD" else (answer.body,)


def _run(check: Check, note: Callable[[Exception | None], None] = lambda _: None) -> str:
    try:
        found = check() or "ok"
    except Exception as error:  # noqa: BLE001 - any error means "not ready"
        note(error)
        return "unavailable"
    note(None)
    return found


def _probe(content: object, status: int) -> Probe:
    body = orjson.dumps(content)
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "1"))
    return Probe(f"{status} {HTTPStatus(status).phrase.upper()}", body, headers)


_ALIVE = _probe({"status": "ok"}, 200)
