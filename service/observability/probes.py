"""Liveness and readiness, as Kubernetes asks for them."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from http import HTTPStatus

import orjson
from flask import Blueprint, Response
from structlog.typing import FilteringBoundLogger

READY_WITHIN_S = 1.0
"""How long all the checks of one probe may take together."""

Check = Callable[[], str | None]
"""Returns what is wrong in a word or two, `None` for nothing; anything raised is wrong too."""


def probe_views(checks: Mapping[str, Check], log: FilteringBoundLogger) -> Blueprint:
    """Make the two probes; `checks` are what readiness needs, by name; `log` hears of failures."""
    views = Blueprint("probes", __name__)
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readyz")

    @views.get("/livez")
    def livez() -> Response:
        """The process answers; it touches nothing."""
        return _answer({"status": "ok"}, 200)

    @views.get("/readyz")
    def readyz() -> Response:
        """Calls can be served: every check says so in time."""
        found = dict.fromkeys(checks, "timed out")
        running = executor.submit(_run_all, checks, found)
        try:
            running.result(READY_WITHIN_S)
        except TooLate:
            running.cancel()
            found = found.copy()  # what is still running may write on
        ready = all(word == "ok" for word in found.values())
        if not ready:
            log.warning("not_ready", checks=found)
        content = {"status": "ready" if ready else "not ready", "checks": found}
        return _answer(content, 200 if ready else 503)

    return views


def _run_all(checks: Mapping[str, Check], found: dict[str, str]) -> None:
    for name, check in checks.items():
        found[name] = _run(check)


def _run(check: Check) -> str:
    try:
        return check() or "ok"
    except Exception:  # noqa: BLE001 - whatever it is, it means "not ready"
        return "unavailable"


def _answer(content: object, status: int) -> Response:
    response = Response(orjson.dumps(content), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "1"
    return response
