"""What is read from files, and read again when they change: keys rotate without a restart."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from service.auth.keys.shared_timestamp import SharedTimestamp
from service.settings import SettingsError

if TYPE_CHECKING:  # loading structlog would slow down every command
    from structlog.typing import FilteringBoundLogger

POLL_INTERVAL_S = 1.0
"""A change is noticed by the first use after this many seconds."""

T = TypeVar("T")


class Watched(Generic[T]):
    """A value made from files; calling it returns the last good one.

    Whoever calls looks at the files, at most once in `POLL_INTERVAL_S`: that costs a `stat` each,
    needs no thread that a fork would lose, and a service that idled for a day is as fresh as
    any. Others that call meanwhile are not kept waiting: they get the value that is there.
    """

    def __init__(
        self,
        read: Callable[[], T],
        files: Mapping[str, Path | None],
        log: "FilteringBoundLogger",
        every_s: float = POLL_INTERVAL_S,
    ) -> None:
        """Read the value for the first time; what `read` raises then is the caller's.

        Args:
            read: Makes the value from the files; raises where they are no good.
            files: Those that it reads, by the setting that names each; `None`: not set.
            log: Hears of each change.
            every_s: How often to look.
        """
        self._read = read
        self._files = {name: path for name, path in files.items() if path is not None}
        self._log = log
        self._every_s = every_s
        self._looking = threading.Lock()
        self.failing_since = SharedTimestamp()
        """Since when a file is no good."""
        self._seen = self._fingerprints()
        self._value = read()
        self._next_look = time.monotonic() + every_s

    def __call__(self) -> T:
        """Return the value, made again if a file has changed."""
        if time.monotonic() >= self._next_look and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._value

    def _look(self) -> None:
        """Read again if need be; a bad file is told of once, and leaves the value as it is."""
        self._next_look = time.monotonic() + self._every_s
        found = self._fingerprints()
        if found == self._seen:
            return
        # Noted before the reading: a change that comes in between is found by the next look.
        self._seen = found
        try:
            value = self._read()
        except Exception as error:  # noqa: BLE001 - no file's content may fail a caller's request
            reason = str(error) if isinstance(error, SettingsError) else type(error).__name__
            self.failing_since.set()
            self._log.warning("keys_not_renewed", settings=list(self._files), reason=reason)
            return
        self.failing_since.clear()
        if value != self._value:
            self._value = value
            self._log.info("keys_renewed", settings=list(self._files))

    def _fingerprints(self) -> list[tuple[int, ...] | None]:
        return [_fingerprint(path) for path in self._files.values()]


def _fingerprint(path: Path) -> tuple[int, ...] | None:
    """Return what changes with a file, however it is replaced.

    Kubernetes swaps a symbolic link above the file and editors rename (another inode), `cp`
    writes in place (size, mtime), `rsync --times` may restore the mtime (ctime).
    """
    try:
        found = path.stat()  # follows links, which is the point
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
