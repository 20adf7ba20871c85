"""What all tests share: settings of their own, an application, its client, its tokens."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from service.app import create_app, parts_of
from service.settings import Settings
from service.store.database import Database
from service.store.store import SQLStore
from service.store.upgrade import upgrade
from tests.postgresql import fresh_database, migrated
from tests.system_packages import pytest_terminal_summary  # noqa: F401 - pytest finds it here
from tests.tokens import SECRET, bearer

# The same examples every time, so that no change is blamed for another's bug, and none fails for
# being slow on a busy machine. HYPOTHESIS_PROFILE=long looks for new ones, for long.
# "explain" is left out: before Python 3.12 it traces every line that runs.
PHASES = [phase for phase in Phase if phase is not Phase.explain]
hypothesis_settings.register_profile("quick", derandomize=True, deadline=None, phases=PHASES)
hypothesis_settings.register_profile("long", max_examples=2000, deadline=None, phases=PHASES)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Make a skip a failure where everything that tests need must be there, as in CI."""
    report = yield
    if report.skipped and os.environ.get("DISCOUNT_TESTS_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Hide the settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("DISCOUNT_", "WEB_")) or name in {"HOST", "PORT", "METRICS_PORT"}:
            monkeypatch.delenv(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The engine that a test runs on: it runs once on each."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine: str, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/discount.db"
    else:
        with fresh_database(migrated()) as url:
            yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        jwt_secret=SECRET,
        pseudonym_key="the pseudonym key of the test suite",
        threads=4,
    )


class Lines(io.TextIOWrapper):
    """A stream that keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode()

    def forget(self) -> None:
        """Begin anew."""
        self._bytes.seek(0)
        self._bytes.truncate()

    @property
    def _bytes(self) -> io.BytesIO:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def app(settings: Settings, log: Lines) -> Iterator[Flask]:
    """An application on a database of its own."""
    made = create_app(settings, log)
    upgrade(parts_of(made).database)
    yield made
    parts_of(made).queue.close()
    parts_of(made).store.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without a token."""
    return app.test_client()


@pytest.fixture
def store(app: Flask) -> SQLStore:
    return parts_of(app).store


@pytest.fixture
def database(app: Flask) -> Database:
    return parts_of(app).database


@pytest.fixture
def auth() -> dict[str, str]:
    """The header of a caller that may do everything."""
    return bearer()
