"""`make run` and `make run-tests-api`, as the README has them."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager

import pytest
import requests

from service.settings import HOME
from tests.support.forked import Forked
from tests.support.running import end, free_port
from tests.support.tables import make_tables
from tests.support.waiting import wait_until
from tests.tools.monitoring.queries import of_the_machine, search, searches

MAKE = shutil.which("make") or "make"
pytestmark = [
    pytest.mark.timeout(600),
]
NEWCOMER = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
"""The environment of a user who has set nothing."""


def database_in(folder):
    return {"DISCOUNT_DATABASE_URL": f"sqlite:///{folder}/shared.db"}


@contextmanager
def make_run(folder, **settings):
    """Run `make run` on a database of its own; yield the file of its output."""
    output = folder / f"output-{settings['PORT']}"
    env = NEWCOMER | database_in(folder)
    command = [MAKE, "run", *(f"{name}={value}" for name, value in settings.items())]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=HOME, env=env, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield output
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(120)


def wait_for(port):
    wait_until(lambda: is_ready(port), "it does not get ready", 120)


def is_ready(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=30).ok
    except requests.RequestException:
        return False


def development_token():
    command = [".venv/bin/discount", "token", "--subject", "me", "--brand", "*"]
    done = subprocess.run(
        command, cwd=HOME, env=NEWCOMER, capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", done.stdout)
    return done.stdout.strip()


def test_several_run_at_once_from_one_checkout_and_pass_the_black_box_tests(tmp_path):
    """Two run on different ports with one key and one database.

    Tables are created once, whoever begins: tests/store/migrations/test_schema.py.
    """
    ports = [free_port() for _ in range(2)]
    make_tables(database_in(tmp_path))
    with make_run(tmp_path, PORT=ports[0]), make_run(tmp_path, PORT=ports[1]) as output:
        for port in ports:
            wait_for(port)
        headers = {"Authorization": f"Bearer {development_token()}"}
        created = requests.post(
            f"http://127.0.0.1:{ports[0]}/v1/discount/create",
            json={"brand": "brand1", "number_to_create": 5},
            headers=headers,
            timeout=30,
        )
        assert 200 == created.status_code
        urls = [f"http://127.0.0.1:{port}/v1/discount/fetch/brand1/user1" for port in ports]
        codes = {requests.get(url, headers=headers, timeout=30).text for url in urls}
        assert 1 == len(codes)
        lines = [json.loads(line) for line in output.read_text().splitlines()]
        messages = [line["message"] for line in lines if line["event"] == "command_message"]
        assert any("discount token" in message for message in messages)
        black_box_tests_pass(ports[1])
        runbooks_can_be_followed(output, ports[1], tmp_path / "shared.db")


def runbooks_can_be_followed(output, port, database):
    """Also where something else has written among the lines of the log."""
    with output.open("a") as log:
        log.write("make: this is no JSON\n")
    found = {name: search(line, [output]) for name, line in searches()}
    assert {} == {name: done.stderr for name, done in found.items() if done.stderr}
    assert [name for name, done in found.items() if done.stdout.strip() not in {"", "0"}]
    where = {"PORT": str(port), "DATABASE": str(database)}
    with socket.create_connection(("127.0.0.1", port)):
        done = {name: run_in(line, where) for name, line in of_the_machine()}
    assert {} == {name: found.stderr for name, found in done.items() if found.stderr}
    silent = {name for name, found in done.items() if not found.stdout}
    assert silent <= {"commit-queue-growing 0"}  # nobody holds a lock


def run_in(line, environment):
    return subprocess.run(
        ["/bin/bash", "-u", "-c", line],
        env=NEWCOMER | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def black_box_tests_pass(port):
    command = [MAKE, "run-tests-api", f"URL=http://127.0.0.1:{port}"]
    done = subprocess.run(
        command, cwd=HOME, env=NEWCOMER, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout
    assert re.search(r"\d+ passed in", done.stdout)
    assert "skipped" not in done.stdout


def test_on_a_terminal_lines_are_coloured(tmp_path):
    ours, theirs = pty.openpty()
    env = NEWCOMER | {
        "DISCOUNT_DATABASE_URL": f"sqlite:///{tmp_path}/discount.db",
        "PORT": str(free_port()),
        "METRICS_PORT": str(free_port()),
        "TERM": "xterm",
    }
    make_tables(env)
    with open(theirs, "wb", buffering=0) as terminal:  # noqa: PTH123 - it has no path
        process = Forked(["serve"], env, terminal, terminal)
    seen = b""
    try:
        while b"metrics_listening" not in seen or b"Booting worker" not in seen:
            seen += os.read(ours, 65536)  # pytest's time-out ends it
    finally:
        end(process)
        os.close(ours)
    assert b"\x1b[" in seen
    assert b'{"' not in seen
