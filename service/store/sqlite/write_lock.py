"""A lock that shows whether others write to the database or wait to: SQLite itself does not say.

Every writer shares a lock on a file beside the database, from before its transaction until after
it. If nobody holds that lock, an exclusive lock succeeds. A crash leaves no lock behind. On a file
system without such locks, everybody merely seems to be alone.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARE_TIMEOUT_S = 0.1
"""How long a writer tries to take its share; it writes without one as well."""


class WriteLock:
    """The lock that writers of a database share.

    Args:
        file: May be deleted at any time; the next writer makes it again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a share of the lock for as long as the block lasts."""
        with self._opened() as descriptor:
            if descriptor is not None:
                _share(descriptor)
            yield

    def contended(self) -> bool:
        """Return whether anybody writes or waits to; the caller must hold no share."""
        with self._opened() as descriptor:
            if descriptor is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
                except OSError:
                    pass
        return False

    def is_read_only(self) -> bool:
        """Return whether the file system is read-only; wait as every write does if it is frozen.

        Writing no bytes changes nothing.
        """
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            return error.errno == errno.EROFS
        try:
            os.write(descriptor, b"")
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def _opened(self) -> Iterator[int | None]:
        """Open the file anew, as each open file has a lock of its own; `None` if that fails."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)  # which unlocks


def _share(descriptor: int) -> None:
    """Take a share, unless the lock stays exclusive: `contended` has it for an instant only."""
    ends = time.monotonic() + SHARE_TIMEOUT_S
    while time.monotonic() < ends:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            return
        else:
            return
