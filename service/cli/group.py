"""The group of all commands: lookup, failures and signals."""

import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any

import click

from service.cli import streams

_OF_THE_SERVICE = (("run",), ("serve",), ("worker",), ("db", "upgrade"))
"""The commands that a Deployment or a Job runs, so that their output is a log."""
_FOR_PEOPLE = {"--help", "-h", "--version", "--check"}
INTERRUPTED = 128 + signal.SIGINT
"""The conventional exit status after Ctrl-C."""


class Terminated(BaseException):
    """SIGTERM was received; like KeyboardInterrupt, it lets a command clean up."""


class CommandGroup(click.Group):
    """A group that imports commands lazily, and prints failures as sentences.

    Args:
        modules: The module of each command, by the command's name.
        options: The options of click's group.
    """

    def __init__(self, *, modules: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._modules:
            return None
        gc.disable()  # imports make no garbage, and collections take a quarter of their time
        command: click.Command = getattr(import_module(self._modules[cmd_name]), cmd_name)
        gc.enable()
        return command

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the chosen command, and report output that could not be printed."""
        streams.prepare()
        words = options.get("args") or (args[0] if args else None) or sys.argv[1:]
        streams.begin_service(logs=is_service(words))
        try:
            if streams.are_logged():
                return self._main_of_service(*args, **options)
            return super().main(*args, **options)
        except OSError as error:
            streams.fail(_system_failure(error))
            raise SystemExit(1) from error
        finally:
            streams.settle()

    def _main_of_service(self, *args: Any, **options: Any) -> Any:
        """Run a command whose failures belong to the log of the service.

        Raises:
            SystemExit: The command has ended.
        """
        try:
            status: Any = super().main(*args, **{**options, "standalone_mode": False})
        except click.ClickException as error:
            streams.fail(error.format_message())
            raise SystemExit(error.exit_code) from error
        except click.Abort as error:
            raise SystemExit(1) from error
        except OSError:
            raise
        except Exception as error:
            log_failure(error)
            raise SystemExit(1) from error
        raise SystemExit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command.

        Raises:
            ClickException: The command failed; the message is a sentence.
            Exit: The command was interrupted.
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


def is_service(words: Sequence[str]) -> bool:
    """Return whether a command line runs a part of the service."""
    command = tuple(word for word in words if not word.startswith("-"))
    return _FOR_PEOPLE.isdisjoint(words) and any(
        command[: len(each)] == each for each in _OF_THE_SERVICE
    )


def log_failure(error: Exception) -> None:
    """Log an error that no sentence explains, as the service does: without its text."""
    from service.observability.logging import build_logger
    from service.settings import Settings

    log = build_logger(Settings(), sys.stderr)
    log.critical("uncaught_exception", thread="main", exc_info=error)


def _system_failure(error: OSError) -> str:
    """Return a sentence about an operating system error, while printing or elsewhere."""
    try:
        streams.flush()  # what could not be printed still waits to be
    except streams.OutputError as full:
        return full.message
    except BrokenPipeError:
        return f"{streams.OUTPUT} cannot be written: nobody reads it."
    return f"The system has refused what this needs: {error.strerror}."


@contextmanager
def _private_files() -> Iterator[None]:
    """Create new files readable by their owner only: a database has every code."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a command clean up on SIGTERM, then end by that signal."""

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
