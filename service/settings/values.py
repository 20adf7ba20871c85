"""Validation of settings' values: URLs, rates and files."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from environs import ValidationError

from service.settings.errors import SettingsError

SQLITE = "sqlite:///"
_POSTGRESQL = re.compile(r"postgres(?:ql)?(?:\+psycopg)?://")
_VISIBLE = re.compile(r"[!-~]+")
"""ASCII without spaces and controls."""
_REDIS = ("redis://", "rediss://", "redis+unix://")
_RATE = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,4})s", re.ASCII)
_OFF = "off"
MIN_SECRET_BYTES = 32
"""HS256 requires a key at least as long as its hash (RFC 7518, section 3.2)."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The number of calls that a caller may make in a window of so many seconds."""

    calls: int
    seconds: int


def is_file(path: Path) -> None:
    """Require an existing file.

    Raises:
        ValidationError: It is something else.
    """
    if not path.is_file():
        raise ValidationError(f"There is no file {path}.")


def keys_of(text: str | None) -> tuple[str, ...]:
    """Return the keys of a text with one key a line, without duplicates."""
    lines = (line.strip() for line in (text or "").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))


def are_keys(text: str) -> None:
    """Require one key a line, at least one.

    Raises:
        ValidationError: There is none, or one is too short.
    """
    keys = keys_of(text)
    if not keys:
        raise ValidationError("Empty.")
    if any(len(key) < MIN_SECRET_BYTES for key in keys):
        raise ValidationError(f"A line has fewer than {MIN_SECRET_BYTES} characters.")


def is_web_url(url: str) -> None:
    """Require a URL that can be fetched.

    Raises:
        ValidationError: It is something else.
    """
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.scheme not in {"http", "https"} or not _VISIBLE.fullmatch(url):
        raise ValidationError("Not of the form https://host/path.")
    if parts.username is not None or parts.fragment:
        raise ValidationError("The URL must not have a user or a fragment.")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_redis(url: str) -> None:
    """Require the URL of a Redis server.

    Raises:
        ValidationError: It is something else.
    """
    if not url.startswith(_REDIS):
        raise ValidationError(f"Must begin with one of {', '.join(_REDIS)}.")


def is_rate(text: str) -> None:
    """Require "off", or calls per seconds.

    Raises:
        ValidationError: It is something else.
    """
    if text != _OFF and not _RATE.fullmatch(text):
        raise ValidationError(f'Neither "{_OFF}" nor calls per seconds, such as 50000/10s.')


def rate_limit(text: str | None, default: RateLimit | None) -> RateLimit | None:
    """Parse a rate; `None` for "off"."""
    if text is None:
        return default
    rate = _RATE.fullmatch(text)
    return RateLimit(int(rate[1]), int(rate[2])) if rate else None


def as_database_url(url: str, name: str = "DISCOUNT_DATABASE_URL") -> str:
    """Return an SQLite URL with an absolute path, or a PostgreSQL URL for libpq.

    Args:
        url: The URL.
        name: The setting or argument with the URL.

    Raises:
        SettingsError: It is neither. The message does not repeat it, as it may contain a password.
    """
    if url == f"{SQLITE}:memory:":
        raise SettingsError(f"{name}: a database in memory is lost at a restart; name a file.")
    if url.startswith(SQLITE) and url != SQLITE:
        return SQLITE + str(Path(url.removeprefix(SQLITE)).absolute())
    if _POSTGRESQL.match(url):
        return _POSTGRESQL.sub("postgresql://", url, count=1)
    raise SettingsError(f"{name}: neither {SQLITE}path/to/file nor postgresql://host/database.")


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL, `None` for another URL.

    The rest after the prefix is the literal path: `%`, `?` and `#` are ordinary characters.
    """
    path = url.removeprefix(SQLITE)
    return Path(path) if path and path != url else None
