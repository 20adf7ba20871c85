"""Files that commands create: new, private, and removed unless they become complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Create a file that only its owner can read, and remove it unless it becomes complete.

    Raises:
        ClickException: The file cannot be created or written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise click.ClickException(f"{path} cannot be made: {reason}.") from error
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
    except OSError as error:
        path.unlink()
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from error
    except BaseException:
        path.unlink()
        raise
