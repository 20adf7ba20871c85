"""Where the current keys are."""

from typing import TYPE_CHECKING, Protocol

from service.auth.keys import KeySet, load_keys
from service.auth.watched import Watched
from service.settings import Settings

if TYPE_CHECKING:  # loading structlog would slow down every command
    from structlog.typing import FilteringBoundLogger


class KeyRing(Protocol):
    """Has the keys of this moment."""

    def current(self) -> KeySet:
        """Return the keys: another object whenever they are others."""

    def ask_again(self) -> None:
        """Note that a token names a key that is not there; it never waits."""

    def start(self) -> None:
        """Begin to keep the keys current, in this process; `current` does it otherwise."""

    def stop(self) -> None:
        """Keep the keys as they are."""


def open_keyring(settings: Settings, log: "FilteringBoundLogger") -> KeyRing:
    """Return the keyring that the settings describe.

    Raises:
        SettingsError: A key cannot be used, or both families are there.
    """
    return HeldKeys(settings, log)


class HeldKeys:
    """Keys from the settings; those from files as the files are now."""

    def __init__(self, settings: Settings, log: "FilteringBoundLogger") -> None:
        """Read them.

        Raises:
            SettingsError: A key cannot be used, or both families are there.
        """
        self.current = Watched(
            lambda: load_keys(settings),
            {
                "DISCOUNT_JWT_SECRET_FILE": settings.jwt_secret_file,
                "DISCOUNT_JWT_KEYS_FILE": settings.jwt_keys_file,
            },
            log,
        )

    def ask_again(self) -> None:
        """Do nothing: the files are looked at often enough."""

    def start(self) -> None:
        """Do nothing: whoever uses the keys looks at the files."""

    def stop(self) -> None:
        """Do nothing: there is no thread."""
