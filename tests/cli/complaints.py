"""Commands that need a database, and the sentence with which each of them fails."""

import json

import pytest

COMMANDS = {
    "upgrade": ("db", "upgrade"),
    "verify": ("verify",),
    "backup": ("db", "backup", "new-backup"),
    "export": ("codes", "export", "--brand", "b1"),
    "generate": ("codes", "generate", "--brand", "b1", "--count", "1"),
    "import": ("codes", "import", "list.csv", "--brand", "b1"),
    "check": ("worker", "--check"),
}
PASSWORD = "pass-of-the-database"  # noqa: S105 - of nobody


def all_of(commands):
    return pytest.mark.parametrize("words", commands.values(), ids=commands)


def complaint(done):
    """Return the message of a failed command: a sentence on standard error, and no more."""
    assert (1, "") == (done.exit_code, done.stdout), done.output
    assert isinstance(done.exception, SystemExit), done.exception
    said = sentence(done.stderr)
    assert said.startswith("Error: ")
    assert "Traceback" not in said
    assert PASSWORD not in said
    assert "cannot reach what it needs" not in said
    return said


def sentence(stderr):
    """Return a message as a terminal shows it, from a line of the log if it is one."""
    if not stderr.startswith("{"):
        return stderr
    line = json.loads(stderr)
    assert ("command_message", "error") == (line["event"], line["level"])
    return f"Error: {line['message']}\n"
