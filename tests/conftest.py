"""Fixtures of all tests: settings, an application, its client, and tokens."""

# ruff: noqa: E402 - imports take a quarter less without garbage collection
import gc

gc.disable()  # until tests are collected: what is made meanwhile stays

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from service.app import services_of
from service.settings import Settings
from service.store.database import Database
from service.store.repositories.store import SQLStore
from tests.plugins.scheduling import LONGEST, FileScheduling, folder_of
from tests.support.installation import (
    Installation,
    Lines,
    application,
    database_of,
    installation,
    new_database,
    settings_for,
)
from tests.support.tokens import bearer

pytest_plugins = ["tests.plugins.leftovers", "tests.plugins.system_packages"]

# The same examples every time, so that no change is blamed for another's bug, and none fails for
# being slow on a busy machine. HYPOTHESIS_PROFILE=long looks for new ones, for long.
# "explain" is left out: before Python 3.12 it traces every line that runs.
PHASES = [phase for phase in Phase if phase is not Phase.explain]
hypothesis_settings.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    phases=PHASES,
    max_examples=40,
    stateful_step_count=30,
)
hypothesis_settings.register_profile("long", max_examples=2000, deadline=None, phases=PHASES)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, or the last worker would end long after the others."""
    items.sort(key=lambda item: _rank(folder_of(item.nodeid)))


def pytest_collection_finish() -> None:
    """Exclude permanent objects from every later garbage collection."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    """Run tests that share a service on the same worker."""
    return FileScheduling(config, log)


def _rank(folder: str | None) -> int:
    return LONGEST.index(folder) if folder else len(LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Make a skip a failure where all tools must be installed, as in CI."""
    report = yield
    if report.skipped and os.environ.get("DISCOUNT_TESTS_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Hide the settings of the developer's environment."""
    for name in list(os.environ):
        if name.startswith(("DISCOUNT_", "WEB_")) or name in {"HOST", "PORT", "METRICS_PORT"}:
            monkeypatch.delenv(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The engine of a test, which runs once on each."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def installations() -> Iterator[Callable[[str], Installation]]:
    """Return the application that tests share on an engine; it is built when first asked for."""
    with ExitStack() as stack:
        yield functools.cache(lambda engine: stack.enter_context(installation(engine)))


@pytest.fixture
def installed(
    request: pytest.FixtureRequest, engine: str, installations: Callable[[str], Installation]
) -> Installation | None:
    """The shared application in its initial state; `None` for a test with its own.

    The rows of a test are deleted before the next test; a test may change nothing else.
    """
    if request.node.get_closest_marker("own_database"):
        return None
    found = installations(engine)
    found.clear()
    found.log.forget()
    return found


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, installed: Installation | None, engine: str
) -> Iterator[str]:
    """A database without rows."""
    if installed:  # no folder: creating it and its link takes longer than many tests
        yield installed.settings.database_url
    else:
        with database_of(engine, request.getfixturevalue("tmp_path")) as url:
            yield url


@pytest.fixture
def new_database_url(engine: str, tmp_path: Path) -> Iterator[str]:
    """A database without tables; of SQLite, not even the file."""
    with new_database(engine, tmp_path) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url)


@pytest.fixture
def log(installed: Installation | None) -> Lines:
    """The application's log."""
    return installed.log if installed else Lines()


@pytest.fixture
def app(installed: Installation | None, settings: Settings, log: Lines) -> Iterator[Flask]:
    """An application: the shared one, unless a test has other settings."""
    if installed and installed.settings == settings:
        yield installed.app
        installed.check()
    else:
        with application(settings, log) as made:
            yield made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without a token."""
    return app.test_client()


@pytest.fixture
def store(app: Flask) -> SQLStore:
    return services_of(app).storage.store


@pytest.fixture
def database(app: Flask) -> Database:
    return services_of(app).storage.database


@pytest.fixture
def auth() -> dict[str, str]:
    """The header of a caller that may do everything."""
    return bearer()
