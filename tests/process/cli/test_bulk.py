"""`discount codes`: data on standard output, all else on standard error, and exit statuses."""

import os
import pty
import signal
import stat
import subprocess

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from service.cli import main
from tests.support.engines import on_sqlite
from tests.support.running import DISCOUNT, environment
from tests.support.tables import make_tables
from tests.support.waiting import wait_until

pytestmark = pytest.mark.own_database  # commands have processes, and connections, of their own


@pytest.fixture
def env(database_url, tmp_path):
    made = environment(tmp_path, DISCOUNT_DATABASE_URL=database_url)
    make_tables(made)
    return made


@pytest.fixture
def codes(env):
    """Run `discount codes`."""

    def run(*words, **options):
        return CliRunner().invoke(main, ["codes", *map(str, words)], env=env, **options)

    return run


def test_codes_are_made_exported_and_imported_again(codes, engine, tmp_path):
    """Each form is tested on one of the engines."""
    made = codes("generate", "--brand", "brand1", "--count", "1500")
    assert (0, "", "1500 codes were made.\n") == (made.exit_code, made.stdout, made.stderr)

    exported = codes("export", "--brand", "brand1")
    assert (0, "") == (exported.exit_code, exported.stderr)
    assert 1501 == len(exported.stdout.splitlines())

    form = {"sqlite": "csv", "postgresql": "ndjson"}[engine]
    file = tmp_path / f"codes.{form}"
    to_file = codes("export", "--brand", "brand1", "--format", form, "--output", file)
    assert (0, "", "") == (to_file.exit_code, to_file.stdout, to_file.stderr)
    assert stat.S_IRUSR | stat.S_IWUSR == stat.S_IMODE(file.stat().st_mode)
    taken = codes("import", file, "--brand", "copy")
    assert (0, "", "1500 codes were stored.\n") == (taken.exit_code, taken.stdout, taken.stderr)
    copy = codes("export", "--brand", "copy").stdout
    assert sorted(codes_in(exported.stdout)) == sorted(codes_in(copy))


def codes_in(exported):
    return [line.split(",")[0] for line in exported.splitlines()]


@on_sqlite
def test_refused_lines_are_the_output_of_an_import(codes):
    refused = codes("import", "-", "--brand", "brand1", input="SUMMER-1\nno\n")
    assert 1 == refused.exit_code
    assert refused.stdout.splitlines()[0] == "line,reason,detail"
    assert refused.stdout.splitlines()[1].startswith("2,length,")
    assert refused.stderr.startswith("Error: 1 row is good, 1 was refused. Nothing was stored")
    dry = codes("import", "-", "--brand", "brand1", "--dry-run", input="SUMMER-1\n")
    assert 0 == dry.exit_code
    assert "Nothing was stored" in dry.stderr
    exported = codes("export", "--brand", "brand1").stdout
    assert [
        "code,state,created_at,reserved_at,expires_at,redeemed_at,version"
    ] == exported.splitlines()


@on_sqlite
def test_mistakes_are_reported_in_a_sentence(codes, tmp_path):
    there = tmp_path / "there"
    there.write_text("mine")
    for words, output in (
        (("export", "--brand", "nobody"), "brand"),
        (("generate", "--brand", "a/b", "--count", "1"), "--brand"),
        (("generate", "--brand", "a", "--count", "0"), "--count"),
        (("import", "nowhere", "--brand", "a"), "nowhere"),
        (("export", "--brand", "a", "--output", there), "File exists"),
    ):
        failed = codes(*words)
        assert 0 != failed.exit_code
        assert "" == failed.stdout
        assert output in failed.stderr
        assert isinstance(failed.exception, SystemExit), "else it would end with a traceback"
    assert "mine" == there.read_text()


@on_sqlite
def test_an_export_that_fails_leaves_no_file_and_says_why(codes, tmp_path):
    failed = codes("export", "--brand", "nobody", "--output", tmp_path / "new")
    assert (1, "") == (failed.exit_code, failed.stdout)
    assert "brand" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "new").exists()


@pytest.fixture
def count_codes(env):
    """Count the codes that are there."""
    url = env["DISCOUNT_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    made = create_engine(url)

    def count():
        with made.connect() as connection:
            return connection.scalar(text("SELECT count(*) FROM code"))

    yield count
    made.dispose()


@on_sqlite
def test_ctrl_c_cancels_the_job_and_says_what_stays(env, count_codes):
    process = subprocess.Popen(
        [DISCOUNT, "codes", "generate", "--brand", "brand1", "--count", "10000000"],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: count_codes() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, output = process.communicate(timeout=120)
    assert 130 == process.returncode
    count = int(output.split("The ")[1].split()[0])
    assert f"Cancelled. The {count} codes that were made stay.\n" == output
    assert count == count_codes() > 0


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
            pass  # Linux's error for a closed other side
        assert 0 == process.wait(120)
    assert b"###" in seen
    assert b"2000/2000" in seen
    assert b"/s" in seen
