"""Who writes to a database or waits to, which SQLite itself does not tell.

Whoever writes shares a lock on a file beside the database from before the transaction until after
it. Who could have that lock alone is alone. A crash leaves no lock behind, and where there are no
such locks, everybody just seems to be alone.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARE_WITHIN_S = 0.1
"""How long a writer tries to be seen; it writes all the same."""


class Turnstile:
    """Stands before the write lock of a database.

    Args:
        file: May be deleted at any time; who comes first makes it again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Be seen by others, for as long as the block lasts."""
        with self._opened() as descriptor:
            if descriptor is not None:
                _share(descriptor)
            yield

    def crowded(self) -> bool:
        """Say whether anybody writes or waits to; the asker must not be doing so."""
        with self._opened() as descriptor:
            if descriptor is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
                except OSError:
                    pass
        return False

    @contextmanager
    def _opened(self) -> Iterator[int | None]:
        """Open the file anew, as a lock belongs to whoever opened it; `None` if that fails."""
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
    """Lock, unless somebody keeps it locked: who asks holds it for an instant only."""
    ends = time.monotonic() + SHARE_WITHIN_S
    while time.monotonic() < ends:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            return
        else:
            return
