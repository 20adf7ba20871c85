"""Messages of commands that fail for unforeseen reasons."""

import errno
import os

import click
from click.testing import CliRunner

from service.cli.group import CommandGroup


@click.command()
def fork() -> None:
    """Fail as the system does where no process can be started."""
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def test_what_the_system_refuses_is_not_put_down_to_standard_output():
    group = CommandGroup(modules={"fork": __name__})
    done = CliRunner().invoke(group, ["fork"])
    said = "Error: The system has refused what this needs: Resource temporarily unavailable.\n"
    assert (1, "", said) == (done.exit_code, done.stdout, done.stderr)
