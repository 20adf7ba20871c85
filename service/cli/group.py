"""What all commands share: how they are found, how they fail, and how they end."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any

import click

from service.cli import streams

INTERRUPTED = 128 + signal.SIGINT
"""The exit status that shells know for Ctrl-C."""


class Terminated(BaseException):
    """SIGTERM has come; like KeyboardInterrupt, it lets a command clean up on its way out."""


class CommandGroup(click.Group):
    """Imports a command when it is called, and says in a sentence why it failed.

    Args:
        modules: Where each command is, by its name.
        options: What click's own group takes.
    """

    def __init__(self, *, modules: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._modules:
            return None
        command: click.Command = getattr(import_module(self._modules[cmd_name]), cmd_name)
        return command

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the chosen command, and report what could not even be printed."""
        streams.prepare()
        try:
            return super().main(*args, **options)
        except OSError as error:
            streams.report(f"Error: {_system_failure(error)}")
            raise SystemExit(1) from error
        finally:
            streams.settle()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command.

        Raises:
            ClickException: What went wrong, as a sentence.
            Exit: It was interrupted.
        """
        from service.cli.unknown_settings import warn_of_unknown_settings

        try:
            with _private_files(), _terminable():
                warn_of_unknown_settings()
                result = super().invoke(ctx)
                streams.flush()
        except KeyboardInterrupt:
            streams.report("Interrupted.")
            raise click.exceptions.Exit(INTERRUPTED) from None
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            from service.cli.failures import sentence_of

            if sentence := sentence_of(error):
                raise click.ClickException(sentence) from error
            raise
        return result


def _system_failure(error: OSError) -> str:
    """Say what the system has refused: to print, as help or a failure, or something else."""
    try:
        streams.flush()  # what could not be printed still waits to be
    except streams.OutputError as full:
        return full.message
    except BrokenPipeError:
        return f"{streams.OUTPUT} cannot be written: nobody reads it."
    return f"The system has refused what this needs: {error.strerror}."


@contextmanager
def _private_files() -> Iterator[None]:
    """Make every new file readable by its owner alone: a database has every code."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a command clean up on SIGTERM, and then end as if it had not been caught."""

    def terminate(_signum: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
