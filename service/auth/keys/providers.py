"""Where the current keys are: from settings and files, or from an issuer's JWK Set at a URL."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from service.auth.keys.fetch import fetch
from service.auth.keys.file_watcher import Watched
from service.auth.keys.jwks import NO_KEYS, IgnoredKey, KeySet, KeysRefused
from service.auth.keys.loading import load_keys, read_published_keys
from service.auth.keys.shared_document import SharedDocument
from service.auth.keys.shared_timestamp import SharedTimestamp
from service.settings import Settings

if TYPE_CHECKING:  # loading structlog would slow down every command
    from structlog.typing import FilteringBoundLogger

URL_SETTING = "DISCOUNT_JWT_JWKS_URL"


class KeyRing(Protocol):
    """Has the keys of this moment."""

    def current(self) -> KeySet:
        """Return the keys: another object whenever they are others."""

    def ask_again(self) -> None:
        """Note that a token names a key that is not there; it never waits."""

    def stale_s(self) -> float:
        """Return for how many seconds the keys could not be renewed; 0 while they can."""

    def start(self) -> None:
        """Begin to keep the keys current, in this process; `current` does it otherwise."""

    def stop(self) -> None:
        """Keep the keys as they are."""


def open_keyring(settings: Settings, log: "FilteringBoundLogger") -> KeyRing:
    """Return the keyring that the settings describe.

    Raises:
        SettingsError: A key cannot be used, or both families are there.
    """
    if settings.jwt_jwks_url:
        return PublishedKeys(partial(fetch, settings.jwt_jwks_url), log)
    return HeldKeys(settings, log)


def log_ignored_key(log: "FilteringBoundLogger", setting: str, ignored: IgnoredKey) -> None:
    """Log that an entry of a set is passed over."""
    log.warning("key_ignored", settings=[setting], kid=ignored.kid, reason=ignored.reason)


class HeldKeys:
    """Keys from the settings; those from files as the files are now."""

    def __init__(self, settings: Settings, log: "FilteringBoundLogger") -> None:
        """Read them.

        Raises:
            SettingsError: A key cannot be used, or both families are there.
        """

        def log_ignored(ignored: IgnoredKey) -> None:
            log_ignored_key(log, "DISCOUNT_JWT_KEYS_FILE", ignored)

        self.current = Watched(
            lambda: load_keys(settings, log_ignored),
            {
                "DISCOUNT_JWT_SECRET_FILE": settings.jwt_secret_file,
                "DISCOUNT_JWT_KEYS_FILE": settings.jwt_keys_file,
            },
            log,
        )

    def ask_again(self) -> None:
        """Do nothing: the files are looked at often enough."""

    def stale_s(self) -> float:
        """Return for how many seconds a file has been no good; 0 while all are."""
        return self.current.failing_since.elapsed_s()

    def start(self) -> None:
        """Do nothing: whoever uses the keys looks at the files."""

    def stop(self) -> None:
        """Do nothing: there is no thread."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When keys are fetched."""

    renew_s: float = 300.0
    """After a success; so long may a key that the issuer has withdrawn be good for."""
    ask_s: float = 10.0
    """At the earliest, when a token names an unknown key; at the latest, after a failure."""
    retry_s: float = 1.0
    """After the first failure; twice as long after each further one, up to `ask_s`."""


class PublishedKeys:
    """Public keys from a URL, renewed by a thread of each process before anybody needs them.

    No caller ever waits for the issuer. While it cannot be reached, or answers with what is no
    good, the last good set stays, also in a worker that is started meanwhile: processes of
    one service hand it on.
    """

    def __init__(
        self,
        fetch_document: Callable[[], bytes],
        log: "FilteringBoundLogger",
        pace: Pace | None = None,
    ) -> None:
        """Fetch nothing yet: threads do not live through the forks that come after this.

        Args:
            fetch_document: Returns a JWK Set; raises where there is none.
            log: Hears of each change.
            pace: When to fetch.
        """
        self._fetch = fetch_document
        self._log = log
        self._pace = pace or Pace()
        self._shared_document = SharedDocument()
        self._failing_since = SharedTimestamp()
        self._keys = NO_KEYS
        self._ignored: list[IgnoredKey] = []
        self._starting = threading.Lock()
        self._asked = threading.Event()
        self._process: int | None = None
        self._stopped = threading.Event()

    def current(self) -> KeySet:
        """Return the last good set; none before the first."""
        if self._process != os.getpid():
            self.start()
        return self._keys

    def ask_again(self) -> None:
        """Have the set fetched soon, once for however many ask."""
        self._asked.set()

    def stale_s(self) -> float:
        """Return how long ago the first of the fetches failed that have failed in a row."""
        return self._failing_since.elapsed_s()

    def start(self) -> None:
        """Take over what another process has fetched, and begin to renew it."""
        with self._starting:
            if self._process == os.getpid():
                return
            self._asked, self._stopped = threading.Event(), threading.Event()
            self._take_over()
            threading.Thread(target=self._renew_for_ever, name="keys", daemon=True).start()
            self._process = os.getpid()

    def stop(self) -> None:
        """Fetch no more; the keys stay."""
        self._stopped.set()
        self._asked.set()

    def _renew_for_ever(self) -> None:
        pace, retry_s = self._pace, self._pace.retry_s
        while not self._stopped.is_set():
            self._asked.clear()  # before the fetch: who asks during it may want a newer set
            good = False
            with suppress(Exception):  # not even a log that is closed may end the thread
                good = self._renew()
            if good:
                at_least_s, at_most_s, retry_s = pace.ask_s, pace.renew_s, pace.retry_s
            else:
                at_least_s = at_most_s = min(retry_s, pace.ask_s)
                retry_s = 2 * at_least_s
            done = time.monotonic()
            if self._asked.wait(at_most_s):
                with suppress(Exception):
                    self._take_over()
                self._stopped.wait(max(0.0, done + at_least_s - time.monotonic()))

    def _renew(self) -> bool:
        """Fetch the set once, and say whether that went well."""
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
        self._use(keys)
        return True

    def _log_ignored_keys(self, ignored: list[IgnoredKey]) -> None:
        """Log each entry that is passed over, once for as long as they are the same."""
        if ignored != self._ignored:
            for each in ignored:
                log_ignored_key(self._log, URL_SETTING, each)
        self._ignored = ignored

    def _take_over(self) -> None:
        """Use what a process of this service has fetched last."""
        document = self._shared_document.get()
        if document is not None:
            self._use(read_published_keys(document))

    def _use(self, keys: KeySet) -> None:
        if keys != self._keys:  # else the same object stays, and with it the verified tokens
            self._keys = keys
            self._log.info("keys_renewed", settings=[URL_SETTING])
