"""Standard input, output and error of commands, whatever they are connected to.

They may be closed, full, a broken pipe, or of an encoding without the
characters of a name.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Protocol

import click

from service.observability.messages import message_line

OUTPUT = "Standard output"
_NAMES = ("stdin", "stdout", "stderr")
_missing: set[str] = set()
"""The names of closed streams."""


class _State:
    """What is known of the command."""

    logs = False


_state = _State()


class Target(Protocol):
    """A target for bytes."""

    def write(self, data: bytes, /) -> object:
        """Write some."""

    def isatty(self) -> bool:
        """Return whether it is a terminal."""


class OutputError(click.ClickException):
    """The output of a command cannot be written."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(f"{OUTPUT} cannot be written: {reason}.")


def prepare() -> None:
    """Make all three streams usable."""
    _missing.clear()
    for descriptor, name in enumerate(_NAMES):
        stream = getattr(sys, name)
        if stream is None:
            _missing.add(name)
            _open_missing(descriptor, name)
        elif descriptor and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may have any character


def _open_missing(descriptor: int, name: str) -> None:
    """Open /dev/null as a closed descriptor, so that no other file gets its number."""
    mode = "w" if descriptor else "r"
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the system's signature
    setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


class StandardOutput:
    """Standard output for bytes.

    Raises:
        OutputError: Standard output is closed.
    """

    def __init__(self) -> None:
        if "stdout" in _missing:
            raise OutputError("it is closed")

    def write(self, data: bytes) -> None:
        """Write to it.

        Raises:
            OutputError: Standard output cannot be written.
            BrokenPipeError: The reader has gone.
        """
        with _output_errors():
            sys.stdout.buffer.write(data)

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return sys.stdout.isatty()


def write_line(text: str) -> None:
    """Write a line to standard output, unbuffered.

    Raises:
        OutputError: Standard output cannot be written.
        BrokenPipeError: The reader has gone.
    """
    StandardOutput().write(f"{text}\n".encode(sys.stdout.encoding, "backslashreplace"))
    flush()


def input_() -> IO[bytes]:
    """Return standard input for bytes.

    Raises:
        ClickException: Standard input is closed.
    """
    if "stdin" in _missing:
        raise click.ClickException("Standard input cannot be read: it is closed.")
    return sys.stdin.buffer


def flush() -> None:
    """Flush standard output.

    Raises:
        OutputError: Standard output cannot be written.
        BrokenPipeError: The reader has gone.
    """
    with _output_errors():
        sys.stdout.flush()


@contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error


def begin_service(*, logs: bool) -> None:
    """Note whether the command is a part of the service, whose messages belong to its log."""
    _state.logs = logs


def are_logged() -> bool:
    """Return whether messages are lines of a log: nobody reads them on a terminal."""
    return _state.logs and not sys.stderr.isatty()


def report(sentence: str, level: str = "info") -> None:
    """Write to standard error, if possible."""
    with suppress(OSError):
        click.echo(message_line(sentence, level) if are_logged() else sentence, err=True)


def warn(sentence: str) -> None:
    """Write a warning to standard error, if possible."""
    report(sentence if are_logged() else f"Warning: {sentence}", "warning")


def fail(sentence: str) -> None:
    """Write to standard error why a command has failed, if possible."""
    report(sentence if are_logged() else f"Error: {sentence}", "error")


def settle() -> None:
    """Drop unwritten output, about which Python would complain at exit.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
