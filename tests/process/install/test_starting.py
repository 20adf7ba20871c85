"""The imports of a start, which every process pays for."""

import subprocess
import sys

import pytest

from service.settings import HOME
from tests.support.running import environment
from tests.support.tables import make_tables

NEEDED_LATER = {
    "alembic": "to change tables",
    "opentelemetry": "to send traces",
    "psycopg": "on PostgreSQL",
    "rfc3987_syntax": "by nobody: jsonschema takes a second to import it where it is installed",
}


UPGRADE = """
from contextlib import suppress
from service.cli import main
with suppress(SystemExit):
    main(["db", "upgrade"])
"""


def imported(code, env=None):
    """Return the imported modules after Python has run `code`."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, env=env, cwd=HOME, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.fixture
def upgraded(tmp_path):
    """Return the environment of a service with up-to-date tables."""
    env = environment(tmp_path)
    make_tables(env)
    return env


def test_a_server_on_sqlite_starts_without_what_it_may_never_need():
    modules = imported("import service.app")
    assert "flask" in modules
    assert set() == modules & NEEDED_LATER.keys()


def test_what_needs_no_upgrade_is_upgraded_without_sqlalchemy(upgraded):
    modules = imported(UPGRADE, upgraded)
    assert "sqlite3" in modules
    assert set() == modules & {"alembic", "flask", "sqlalchemy"}
