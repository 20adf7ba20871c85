"""Consistency of the settings, and requirements of production."""

import os
from itertools import combinations
from urllib.parse import urlsplit

from service.settings.errors import SettingsError
from service.settings.model import DEFAULT_METRICS_PORT, DEVELOPMENT_KEY, Settings
from service.settings.values import is_loopback


def _require_different_ports(settings: Settings) -> None:
    """Require different ports, except for a default that may change.

    Raises:
        SettingsError: Two ports are equal.
    """
    default = DEFAULT_METRICS_PORT if settings.requires_metrics_port else None
    ports = {
        "PORT": settings.port,
        "METRICS_PORT": settings.metrics_port or default,
        "DISCOUNT_WORKER_METRICS_PORT": settings.worker_metrics_port,
    }
    for (first, port), (second, other) in combinations(ports.items(), 2):
        if port is not None and port == other:
            raise SettingsError(f"{first} and {second} are both {port}; use two ports.")


def require_consistent(settings: Settings) -> None:
    """Require consistent settings, and those that production needs.

    Raises:
        SettingsError: Something is missing, or two settings contradict each other.
    """
    _require_different_ports(settings)
    _require_known_space(settings)
    url = settings.jwt_jwks_url
    if url and (settings.jwt_secret or settings.jwt_keys_file):
        raise SettingsError(
            "DISCOUNT_JWT_JWKS_URL is set beside DISCOUNT_JWT_SECRET or DISCOUNT_JWT_KEYS_FILE; "
            "use one source of keys."
        )
    if not settings.production:
        return
    if not (settings.jwt_secret or settings.jwt_keys_file or url):
        raise SettingsError(
            "DISCOUNT_ENV=production has no default key: set DISCOUNT_JWT_SECRET, "
            "DISCOUNT_JWT_KEYS_FILE or DISCOUNT_JWT_JWKS_URL."
        )
    if url and urlsplit(url).scheme != "https" and not is_loopback(urlsplit(url).hostname or ""):
        raise SettingsError(
            "DISCOUNT_JWT_JWKS_URL must be https in production: anyone who can change the answer "
            "in transit can create tokens."
        )
    if not settings.pseudonym_key:
        raise SettingsError("DISCOUNT_PSEUDONYM_KEY is not set; production requires it.")
    for name, secret in (
        ("DISCOUNT_JWT_SECRET", settings.jwt_secret),
        ("DISCOUNT_PSEUDONYM_KEY", settings.pseudonym_key),
        *(("DISCOUNT_ERASURE_KEY", key) for key in settings.erasure_keys),
    ):
        if secret and secret.startswith(DEVELOPMENT_KEY):
            raise SettingsError(f"{name} is a development key; production requires its own.")
    if os.environ.get("FLASK_DEBUG", "0").lower() not in {"", "0", "false", "no"}:
        raise SettingsError("FLASK_DEBUG is set; production must not expose its internals.")


def _require_known_space(settings: Settings) -> None:
    """Require settings from which the available space is known.

    Raises:
        SettingsError: It would be unknown.
    """
    capacity = settings.database_capacity_bytes
    if capacity and not settings.on_postgresql:
        raise SettingsError(
            "DISCOUNT_DATABASE_CAPACITY_BYTES is only for PostgreSQL: the free space of an SQLite "
            "file's disk is measured."
        )
    if settings.on_postgresql and settings.disk_reserve_bytes and not capacity:
        raise SettingsError(
            "DISCOUNT_DISK_RESERVE_BYTES needs DISCOUNT_DATABASE_CAPACITY_BYTES on PostgreSQL: "
            "the disk of its server is not visible to the service."
        )
