"""The command in a shell: full disks, closed pipes and streams, signals, a bare environment."""

import os
import pty
import signal
import subprocess
from contextlib import suppress

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
    """Run a command line in a shell, which must not print a traceback."""

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


def test_a_full_disk_is_reported_as_such(shell):
    for command in (TOKEN, EXPORT, f"{DISCOUNT} token --help"):
        assert (1, "", FULL) == shell(f"{command} > /dev/full")
    assert 1 == shell(f"{TOKEN} > /dev/full 2> /dev/full")[0]


@pytest.mark.parametrize(
    "command", ["db upgrade", "codes generate --brand b1 --count 1", "db backup copy.db"]
)
def test_work_is_done_though_its_message_cannot_be_printed(command, shell):
    assert 0 == shell(f"{DISCOUNT} {command} 2> /dev/full")[0]


def test_a_reader_that_has_gone_gets_no_message(shell):
    status, line, output = shell(f"{EXPORT} | head -1")
    assert (1, "code,state,created_at,reserved_at,expires_at,redeemed_at,version\r\n", "") == (
        status,
        line,
        output,
    )
    assert "" == shell(f"{TOKEN} | true")[2]


def test_a_closed_stream_is_reported(shell):
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
        assert os.read(reading, 1)  # the command runs, and waits for the reader
        process.send_signal(number)
        with os.fdopen(reading, "rb") as rest:
            rest.read()
        _, output = process.communicate(timeout=60)
    finally:
        process.kill()
    assert status == process.returncode
    assert "Traceback" not in output


@pytest.fixture
def on_terminal(env):
    """Run a command on one terminal for output and errors; return what the terminal shows."""

    def run(*words, interrupt_at=None):
        ours, theirs = pty.openpty()
        with open(theirs, "wb", buffering=0) as terminal:  # noqa: PTH123 - it has no path
            process = subprocess.Popen(
                [DISCOUNT, *words],
                env=env | {"TERM": "xterm", "COLUMNS": "80"},
                stdout=terminal,
                stderr=terminal,
            )
        shown = b""
        try:
            with suppress(OSError):  # so Linux says that nobody writes any more
                while block := os.read(ours, 65536):
                    shown += block
                    if interrupt_at and interrupt_at in shown:
                        process.send_signal(signal.SIGINT)
                        interrupt_at = None
            return process.wait(60), shown.decode()
        finally:
            process.kill()
            os.close(ours)

    return run


def test_a_terminal_shows_how_far_a_job_is(on_terminal):
    status, shown = on_terminal("codes", "generate", "--brand", "b1", "--count", "100")
    assert 0 == status
    bar, result, end = shown.split("\r\n")
    assert "succeeded [####" in bar
    assert "] 100/100" in bar
    assert ("100 codes were made.", "") == (result, end)


def test_a_terminal_that_shows_codes_has_no_bar_between_them(on_terminal):
    _, shown = on_terminal("codes", "export", "--brand", "b1")
    assert 5001 == shown.count("\r\n")
    assert "\x1b" not in shown


def test_ctrl_c_leaves_the_terminal_as_it_was(on_terminal):
    words = ("codes", "generate", "--brand", "b1", "--count", "10000000")
    status, shown = on_terminal(*words, interrupt_at=b"running [")
    assert 130 == status
    assert shown.count("\x1b[?25l") > 0
    assert "\x1b[?25l" not in shown.rpartition("\x1b[?25h\r\n")[2], "the cursor is back"
    assert "Cancelled. " in shown.splitlines()[-1]


def test_a_pipe_gets_no_bar(shell):
    status, output, errors = shell(f"{DISCOUNT} codes generate --brand b1 --count 10")
    assert (0, "", 1) == (status, output, errors.count("\n"))
