"""`discount codes`: data on standard output, all else on standard error, and exits that tell."""

import os
import pty
import signal
import stat
import subprocess
import time

import pytest

from tests.engines import on_sqlite
from tests.running import DISCOUNT, environment


@pytest.fixture
def env(database_url, tmp_path):
    made = environment(tmp_path, DISCOUNT_DATABASE_URL=database_url)
    subprocess.run([DISCOUNT, "db", "upgrade"], env=made, check=True, capture_output=True)
    return made


@pytest.fixture
def codes(env):
    """Run `discount codes`."""

    def run(*words, **options):
        return subprocess.run(
            [DISCOUNT, "codes", *words],
            env=env,
            capture_output=True,
            check=False,
            text=True,
            **options,
        )

    return run


def test_codes_are_made_exported_and_imported_again(codes, tmp_path):
    made = codes("generate", "--brand", "brand1", "--count", "3000")
    assert (0, "", "3000 codes were made.\n") == (made.returncode, made.stdout, made.stderr)

    exported = codes("export", "--brand", "brand1")
    assert (0, "") == (exported.returncode, exported.stderr)
    assert 3001 == len(exported.stdout.splitlines())

    for form in ("csv", "ndjson"):
        file = tmp_path / f"codes.{form}"
        to_file = codes("export", "--brand", "brand1", "--format", form, "--output", file)
        assert (0, "", "") == (to_file.returncode, to_file.stdout, to_file.stderr)
        assert stat.S_IRUSR | stat.S_IWUSR == stat.S_IMODE(file.stat().st_mode)
        taken = codes("import", file, "--brand", f"copy-{form}")
        assert (0, "", "3000 codes were stored.\n") == (
            taken.returncode,
            taken.stdout,
            taken.stderr,
        )
        copy = codes("export", "--brand", f"copy-{form}").stdout
        assert sorted(codes_in(exported.stdout)) == sorted(codes_in(copy))


def codes_in(exported):
    return [line.split(",")[0] for line in exported.splitlines()]


@on_sqlite
def test_refused_lines_are_the_output_of_an_import(codes):
    refused = codes("import", "-", "--brand", "brand1", input="SUMMER-1\nno\n")
    assert 1 == refused.returncode
    assert refused.stdout.splitlines()[0] == "line,reason,detail"
    assert refused.stdout.splitlines()[1].startswith("2,length,")
    assert refused.stderr.startswith("Error: 1 row is good, 1 was refused. Nothing was stored")
    dry = codes("import", "-", "--brand", "brand1", "--dry-run", input="SUMMER-1\n")
    assert 0 == dry.returncode
    assert "Nothing was stored" in dry.stderr
    exported = codes("export", "--brand", "brand1").stdout
    assert ["code,state,created_at,reserved_at,expires_at"] == exported.splitlines()


@on_sqlite
def test_mistakes_are_told_in_a_sentence(codes, tmp_path):
    there = tmp_path / "there"
    there.write_text("mine")
    for words, said in (
        (("export", "--brand", "nobody"), "brand"),
        (("generate", "--brand", "a/b", "--count", "1"), "--brand"),
        (("generate", "--brand", "a", "--count", "0"), "--count"),
        (("import", "nowhere", "--brand", "a"), "nowhere"),
        (("export", "--brand", "a", "--output", there), "File exists"),
    ):
        failed = codes(*words)
        assert 0 != failed.returncode
        assert "" == failed.stdout
        assert said in failed.stderr
        assert "Traceback" not in failed.stderr
    assert "mine" == there.read_text()


@on_sqlite
def test_an_export_that_fails_leaves_no_file(codes, tmp_path):
    assert 1 == codes("export", "--brand", "nobody", "--output", tmp_path / "new").returncode
    assert not (tmp_path / "new").exists()


def test_ctrl_c_cancels_the_job_and_says_what_stays(env, codes):
    process = subprocess.Popen(
        [DISCOUNT, "codes", "generate", "--brand", "brand1", "--count", "10000000"],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
    )
    while codes("export", "--brand", "brand1").stdout.count("\n") < 2:
        assert process.poll() is None
        time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert 130 == process.returncode
    count = int(said.split("The ")[1].split()[0])
    assert f"Cancelled. The {count} codes that were made stay.\n" == said
    assert count == len(codes("export", "--brand", "brand1").stdout.splitlines()) - 1


@on_sqlite
def test_a_terminal_sees_a_bar_with_speed_and_time_left(env):
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [DISCOUNT, "codes", "generate", "--brand", "brand1", "--count", "2000"],
            env=env | {"TERM": "xterm", "COLUMNS": "100"},
            stderr=theirs,
        )
        os.close(theirs)
        seen = b""
        try:
            while part := terminal.read(1 << 16):
                seen += part
        except OSError:
            pass  # how Linux says that the other side is closed
        assert 0 == process.wait(30)
    assert "━" in seen.decode()
    assert b"2000/2000" in seen
    assert b"/s" in seen
