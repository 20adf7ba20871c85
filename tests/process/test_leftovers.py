"""The plugin that finds leftovers: runs that leave something fail, and name it."""

import os
import subprocess
import sys

import pytest

from service.settings import HOME

LEAVE = {
    "thread": "threading.Thread(target=time.sleep, args=[60], name='lost', daemon=True).start()",
    "process": "KEPT.append(subprocess.Popen(['/bin/sleep', '61']))",
    "orphan": "subprocess.run(['/bin/sh', '-c', 'setsid /bin/sleep 62 >/dev/null 2>&1 &'])",
    "port": "KEPT.append(socket.create_server(('127.0.0.1', 0)))",
    "database": "psycopg.connect(postgresql.server_url(), autocommit=True).execute("
    "'CREATE DATABASE discount_forgotten')",
}
NAMED = {
    "thread": "left behind: thread lost",
    "process": "(/bin/sleep 61)",
    "orphan": "(/bin/sleep 62)",
    "port": "left behind: port ",
    "database": "database discount_forgotten",
}
HEAD = """
import socket, subprocess, threading, time
import psycopg
from tests.plugins import leftovers
from tests.support import postgresql

KEPT = []
leftovers.SETTLED_WITHIN_S = 0.5


def test_that_leaves_it():
    {}
"""
TIDY = """
import socket, subprocess, threading
import pytest


@pytest.fixture(scope="module")
def helper():
    with subprocess.Popen(["/bin/sleep", "60"]) as process, socket.create_server(("", 0)):
        yield
        process.kill()


def test_that_uses_a_fixture_of_a_wider_scope(helper):
    thread = threading.Thread(target=print)
    thread.start()
"""


def run(folder, *options):
    """Run the tests of a folder with this plugin alone; return the result."""
    plugins = ("-p", "tests.plugins.leftovers", "-p", "xdist", "-p", "no:cacheprovider")
    # A separate folder: pytest deletes those of other runs, and closes them to other users.
    place = (
        *("--rootdir", folder, "--confcutdir", folder, "-c", "/dev/null"),
        *("--basetemp", folder / "temporary", folder),
    )
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *place, *options],
        cwd=HOME,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("left", "options"),
    [(LEAVE.keys(), ()), (LEAVE.keys() - {"database"}, ("-n", "2"))],
    ids=["alone", "xdist"],
)
def test_a_run_that_leaves_something_fails_and_names_it(tmp_path, left, options):
    for name in left:
        (tmp_path / f"test_{name}.py").write_text(HEAD.format(LEAVE[name]))
    done = run(tmp_path, *options)
    assert 1 == done.returncode, done.stdout
    for name in left:
        assert NAMED[name] in done.stdout, (name, done.stdout)
    assert f"{len(left)} passed" in done.stdout


def test_a_run_that_leaves_nothing_passes(tmp_path):
    (tmp_path / "test_tidy.py").write_text(TIDY)
    done = run(tmp_path)
    assert 0 == done.returncode, done.stdout + done.stderr
