"""What commands of the service say: a sentence on a terminal, else a line of its log."""

import json
from contextlib import redirect_stderr
from io import StringIO

import pytest

from service.cli import streams
from service.cli.group import is_service
from service.store.migrations.revisions import newest_revision


def lines(done):
    """Return what a command says, as the lines of a log."""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_an_upgrade_is_a_line_of_the_log(discount):
    done = discount("db", "upgrade")
    assert (0, "") == (done.exit_code, done.stdout)
    (line,) = lines(done)
    assert ["timestamp", "level", "event", "message"] == list(line)
    assert ("info", "command_message") == (line["level"], line["event"])
    assert f"The database is at revision {newest_revision()}." == line["message"]


@pytest.mark.parametrize("command", [("serve",), ("run",), ("worker",)])
def test_a_start_that_fails_is_a_line_of_the_log(command, discount, monkeypatch):
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", "sqlite:////proc/none/discount.db")
    done = discount(*command)
    assert (1, "") == (done.exit_code, done.stdout)
    (line,) = lines(done)
    assert ("error", "command_message") == (line["level"], line["event"])
    assert "DISCOUNT_DATABASE_URL" in line["message"]
    assert not line["message"].startswith("Error")


def test_so_is_a_wrong_option(discount):
    done = discount("serve", "--no-such-option")
    (line,) = lines(done)
    assert (2, "No such option '--no-such-option'") == (done.exit_code, line["message"].rstrip("."))


def test_so_is_an_unknown_setting(discount, monkeypatch):
    monkeypatch.setenv("DISCOUNT_TYPO", "a-secret-value")
    warning, upgraded = lines(discount("db", "upgrade"))
    assert ("warning", "info") == (warning["level"], upgraded["level"])
    assert warning["message"].startswith("DISCOUNT_TYPO is not a setting")
    assert "a-secret-value" not in str(warning)


def test_so_is_a_bug_without_its_text(discount, monkeypatch):
    def fail():
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("service.cli.database.load_settings", fail)
    done = discount("db", "upgrade")
    (line,) = lines(done)
    assert (1, "uncaught_exception") == (done.exit_code, line["event"])
    assert ["builtins.ZeroDivisionError"] == line["exception"]
    assert "a secret" not in done.output


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("logs", [True, False])
def test_on_a_terminal_they_are_sentences(logs):
    streams.begin_service(logs=logs)
    try:
        with redirect_stderr(Terminal()) as terminal:
            streams.report("Done.")
            streams.warn("Beware.")
            streams.fail("No.")
    finally:
        streams.begin_service(logs=False)
    assert "Done.\nWarning: Beware.\nError: No.\n" == terminal.getvalue()


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("run --upgrade", True),
        ("serve", True),
        ("worker", True),
        ("db upgrade", True),
        ("worker --check", False),
        ("serve --help", False),
        ("db backup run", False),
        ("db", False),
        ("token --subject run", False),
        ("codes import upgrade", False),
        ("", False),
    ],
)
def test_what_a_person_calls_says_sentences(words, is_one):
    assert is_one == is_service(words.split())
