"""The command in a shell: full disks, closed pipes and streams, signals, a bare environment."""

import os
import signal
import subprocess

import pytest

from tests.support.creating import add_codes
from tests.support.engines import on_sqlite
from tests.support.running import DISCOUNT, environment

pytestmark = [on_sqlite, pytest.mark.own_database]
TOKEN = f"{DISCOUNT} token --subject me --brand '*'"
EXPORT = f"{DISCOUNT} codes export --brand b1"
FULL = "Error: Standard output cannot be written: No space left on device.\n"


@pytest.fixture
def env(tmp_path, settings, store):
    """A service with codes for more than any pipe holds."""
    add_codes(store, "b1", "default", 5000, lambda n: [f"CODE-{i:05}" for i in range(n)], 1)
    return environment(tmp_path)


@pytest.fixture
def shell(env, tmp_path):
    """Run a line of a shell, which must not end in a traceback."""

    def run(line, **changed):
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", line],
            env={name: value for name, value in (env | changed).items() if value is not None},
            cwd=tmp_path,
            capture_output=True,
            check=False,
            timeout=120,
        )
        output = done.stderr.decode()
        for fault in ("Traceback", "Exception ignored", "BrokenPipe"):
            assert fault not in output
        return done.returncode, done.stdout.decode(), output

    return run


def test_a_full_disk_is_told(shell):
    for command in (TOKEN, EXPORT, f"{DISCOUNT} token --help"):
        assert (1, "", FULL) == shell(f"{command} > /dev/full")
    assert 1 == shell(f"{TOKEN} > /dev/full 2> /dev/full")[0]


@pytest.mark.parametrize(
    "command", ["db upgrade", "codes generate --brand b1 --count 1", "db backup copy.db"]
)
def test_what_was_done_is_done_though_it_cannot_be_said(command, shell):
    assert 0 == shell(f"{DISCOUNT} {command} 2> /dev/full")[0]


def test_whoever_reads_no_more_is_told_nothing(shell):
    status, line, output = shell(f"{EXPORT} | head -1")
    assert (1, "code,state,created_at,reserved_at,expires_at\r\n", "") == (status, line, output)
    assert "" == shell(f"{TOKEN} | true")[2]


def test_a_closed_stream_is_told(shell):
    assert "Standard output cannot be written: it is closed" in shell(f"{TOKEN} >&-")[2]
    taken = shell(f"{DISCOUNT} codes import - --brand b1 <&-")
    assert (1, "Error: Standard input cannot be read: it is closed.\n") == (taken[0], taken[2])
    assert 1 == len(shell(f"{TOKEN} <&- 2>&-")[1].splitlines())


def test_a_bare_environment_is_enough(shell):
    bare = {"HOME": None, "LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    assert 0 == shell(TOKEN, **bare)[0]
    status, _, output = shell(f"{DISCOUNT} token --subject me --brand 'grün/😀'", **bare)
    assert (2, True) == (status, "Error: " in output)
    assert 0 == shell(f"{DISCOUNT} codes generate --brand 'grün😀' --count 1", **bare)[0]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_an_interrupted_export_leaves_no_file(number, status, env, tmp_path):
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [DISCOUNT, "codes", "export", "--brand", "b1"],
        env=env,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    try:
        assert os.read(reading, 1)  # it is at work, and waits for us
        process.send_signal(number)
        with os.fdopen(reading, "rb") as rest:
            rest.read()
        _, output = process.communicate(timeout=60)
    finally:
        process.kill()
    assert status == process.returncode
    assert "Traceback" not in output
