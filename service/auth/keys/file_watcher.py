"""Values from files that are read again when they change: keys rotate without a restart."""

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
"""Seconds between two checks of the files."""

T = TypeVar("T")


class WatchedFiles(Generic[T]):
    """A value that is read from files; a call returns the last good value.

    A call checks the files, at most once in `POLL_INTERVAL_S`. That costs one `stat` per file and
    needs no thread, which a fork would lose; and a service that was idle for a day is up to date.
    Concurrent callers do not wait: they get the previous value.
    """

    def __init__(
        self,
        read: Callable[[], T],
        files: Mapping[str, Path | None],
        log: "FilteringBoundLogger",
        every_s: float = POLL_INTERVAL_S,
    ) -> None:
        """Read the value for the first time; exceptions of `read` are not caught here.

        Args:
            read: Reads the value from the files, or raises.
            files: The files that it reads, by the name of their setting; `None`: not set.
            log: Gets a line for each change.
            every_s: Seconds between two checks.
        """
        self._read = read
        self._files = {name: path for name, path in files.items() if path is not None}
        self._log = log
        self._every_s = every_s
        self._checking = threading.Lock()
        self.failing_since = SharedTimestamp()
        """Since when a file has been unusable."""
        self._seen = self._fingerprints()
        self._value = read()
        self._next_check = time.monotonic() + every_s

    def __call__(self) -> T:
        """Return the value, read again if a file has changed."""
        if time.monotonic() >= self._next_check and self._checking.acquire(blocking=False):
            try:
                self._check()
            finally:
                self._checking.release()
        return self._value

    def _check(self) -> None:
        """Read again if a file has changed; an unusable file is logged once and ignored."""
        self._next_check = time.monotonic() + self._every_s
        found = self._fingerprints()
        if found == self._seen:
            return
        # Noted before the read: the next check finds a change that happens meanwhile.
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
    """Return a value that changes with the file, however it is replaced.

    Kubernetes swaps a symbolic link above the file and editors rename (another inode), `cp`
    writes in place (size, mtime), `rsync --times` may restore the mtime (ctime).
    """
    try:
        found = path.stat()  # follows links, which is the point
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
