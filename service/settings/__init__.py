"""Every setting of the service: its name in the environment, its type, its default.

`config/example.env` says what each is for. A secret `X` may come from the file that
`X_FILE` names; the file is kept too, for it is read again when it changes. Whatever is wrong
stops the start with one sentence that names it.
"""

from service.settings.environment import load_settings, read_settings, setting_names
from service.settings.errors import SettingsError
from service.settings.model import (
    DEFAULT_METRICS_POOLS,
    DEFAULT_METRICS_PORT,
    DEVELOPMENT_KEY,
    HOME,
    MIN_SECRET_BYTES,
    PRODUCTION_DRAIN_S,
    Settings,
)
from service.settings.values import RateLimit, as_database_url, sqlite_file

__all__ = [
    "DEFAULT_METRICS_POOLS",
    "DEFAULT_METRICS_PORT",
    "DEVELOPMENT_KEY",
    "HOME",
    "MIN_SECRET_BYTES",
    "PRODUCTION_DRAIN_S",
    "RateLimit",
    "Settings",
    "SettingsError",
    "as_database_url",
    "load_settings",
    "read_settings",
    "setting_names",
    "sqlite_file",
]
