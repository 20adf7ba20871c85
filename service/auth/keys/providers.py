"""Key rings: keys from settings and files, or from an issuer's JWK Set at a URL."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from service.auth.keys.fetch import fetch
from service.auth.keys.file_watcher import WatchedFiles
from service.auth.keys.jwks import NO_KEYS, IgnoredKey, KeySet, KeysRefused
from service.auth.keys.loading import load_keys, read_published_keys
from service.auth.keys.shared_document import SharedDocument
from service.auth.keys.shared_timestamp import SharedTimestamp
from service.settings import Settings

if TYPE_CHECKING:  # loading structlog would slow down every command
    from structlog.typing import FilteringBoundLogger

URL_SETTING = "DISCOUNT_JWT_JWKS_URL"


class KeyRing(Protocol):
    """The current keys."""

    def current(self) -> KeySet:
        """Return the keys: a new object whenever they change."""

    def request_refresh(self) -> None:
        """Ask for fresh keys, without waiting: a token has named an unknown key."""

    def stale_s(self) -> float:
        """Return for how many seconds refreshing has failed; 0 while it succeeds."""

    def start(self) -> None:
        """Start to refresh the keys in this process; else, the first `current` does."""

    def stop(self) -> None:
        """Stop refreshing; the keys stay."""


def open_keyring(settings: Settings, log: "FilteringBoundLogger") -> KeyRing:
    """Return the key ring that the settings describe.

    Raises:
        SettingsError: A key cannot be used, or there are secrets and public keys.
    """
    if settings.jwt_jwks_url:
        return RemoteKeys(partial(fetch, settings.jwt_jwks_url), log)
    return ConfiguredKeys(settings, log)


def log_ignored_key(log: "FilteringBoundLogger", setting: str, ignored: IgnoredKey) -> None:
    """Log that an entry of a set is ignored."""
    log.warning("key_ignored", settings=[setting], kid=ignored.kid, reason=ignored.reason)


class ConfiguredKeys:
    """Keys from the settings, and from files that are read again when they change."""

    def __init__(self, settings: Settings, log: "FilteringBoundLogger") -> None:
        """Read the keys.

        Raises:
            SettingsError: A key cannot be used, or there are secrets and public keys.
        """

        def log_ignored(ignored: IgnoredKey) -> None:
            log_ignored_key(log, "DISCOUNT_JWT_KEYS_FILE", ignored)

        self.current = WatchedFiles(
            lambda: load_keys(settings, log_ignored),
            {
                "DISCOUNT_JWT_SECRET_FILE": settings.jwt_secret_file,
                "DISCOUNT_JWT_KEYS_FILE": settings.jwt_keys_file,
            },
            log,
        )

    def request_refresh(self) -> None:
        """Do nothing: the files are checked every second."""

    def stale_s(self) -> float:
        """Return for how many seconds a file has been unusable; 0 if all are usable."""
        return self.current.failing_since.elapsed_s()

    def start(self) -> None:
        """Do nothing: the files are checked when the keys are used."""

    def stop(self) -> None:
        """Do nothing: there is no thread."""


@dataclass(frozen=True, slots=True)
class RefreshIntervals:
    """Intervals between fetches."""

    refresh_s: float = 300.0
    """After a success; a withdrawn key is trusted for that long at most."""
    on_demand_s: float = 10.0
    """The shortest interval for unknown keys of tokens, and the longest after failures."""
    retry_s: float = 1.0
    """After the first failure; doubled after each further one, up to `on_demand_s`."""


class RemoteKeys:
    """Public keys from a URL, refreshed by a thread of each process.

    No caller ever waits for the issuer. While the issuer cannot be reached, or has no usable keys,
    the last good set stays in use, even in a worker that starts meanwhile: the processes of a
    service share the document.
    """

    def __init__(
        self,
        fetch_document: Callable[[], bytes],
        log: "FilteringBoundLogger",
        intervals: RefreshIntervals | None = None,
    ) -> None:
        """Fetch nothing yet: threads do not survive the forks that follow.

        Args:
            fetch_document: Returns a JWK Set, or raises.
            log: Gets a line for each change.
            intervals: Intervals between fetches.
        """
        self._fetch = fetch_document
        self._log = log
        self._intervals = intervals or RefreshIntervals()
        self._shared_document = SharedDocument()
        self._failing_since = SharedTimestamp()
        self._keys = NO_KEYS
        self._ignored: list[IgnoredKey] = []
        self._starting = threading.Lock()
        self._refresh_requested = threading.Event()
        self._process: int | None = None
        self._stopped = threading.Event()

    def current(self) -> KeySet:
        """Return the last good set, which is empty before the first fetch."""
        if self._process != os.getpid():
            self.start()
        return self._keys

    def request_refresh(self) -> None:
        """Request a fetch; many requests cause a single one."""
        self._refresh_requested.set()

    def stale_s(self) -> float:
        """Return the seconds since the first of the latest failures in a row."""
        return self._failing_since.elapsed_s()

    def start(self) -> None:
        """Load the document that another process has fetched, and start to refresh it."""
        with self._starting:
            if self._process == os.getpid():
                return
            self._refresh_requested, self._stopped = threading.Event(), threading.Event()
            self._load_shared_document()
            threading.Thread(target=self._refresh_forever, name="keys", daemon=True).start()
            self._process = os.getpid()

    def stop(self) -> None:
        """Stop fetching; the keys stay."""
        self._stopped.set()
        self._refresh_requested.set()

    def _refresh_forever(self) -> None:
        intervals, retry_s = self._intervals, self._intervals.retry_s
        while not self._stopped.is_set():
            self._refresh_requested.clear()  # a request during the fetch may want a newer set
            good = False
            with suppress(Exception):  # not even a log that is closed may end the thread
                good = self._refresh()
            if good:
                at_least_s, at_most_s, retry_s = (
                    intervals.on_demand_s,
                    intervals.refresh_s,
                    intervals.retry_s,
                )
            else:
                at_least_s = at_most_s = min(retry_s, intervals.on_demand_s)
                retry_s = 2 * at_least_s
            done = time.monotonic()
            if self._refresh_requested.wait(at_most_s):
                with suppress(Exception):
                    self._load_shared_document()
                self._stopped.wait(max(0.0, done + at_least_s - time.monotonic()))

    def _refresh(self) -> bool:
        """Fetch the set, and return whether that succeeded."""
        try:
            document = self._fetch()
            ignored: list[IgnoredKey] = []
            keys = read_published_keys(document, ignored.append)
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever is wrong
            reason = str(error) if isinstance(error, KeysRefused) else type(error).__name__
            self._failing_since.set()
            self._log.warning("keys_not_renewed", settings=[URL_SETTING], reason=reason)
            return False
        self._failing_since.clear()
        self._log_ignored_keys(ignored)
        self._shared_document.put(document)
        self._replace_keys(keys)
        return True

    def _log_ignored_keys(self, ignored: list[IgnoredKey]) -> None:
        """Log the ignored entries, unless they are the same as last time."""
        if ignored != self._ignored:
            for each in ignored:
                log_ignored_key(self._log, URL_SETTING, each)
        self._ignored = ignored

    def _load_shared_document(self) -> None:
        """Use the document that some process of this service has fetched last."""
        document = self._shared_document.get()
        if document is not None:
            self._replace_keys(read_published_keys(document))

    def _replace_keys(self, keys: KeySet) -> None:
        if keys != self._keys:  # an unchanged object keeps its cache of verified tokens
            self._keys = keys
            self._log.info("keys_renewed", settings=[URL_SETTING])
