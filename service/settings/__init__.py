"""All settings of the service: names in the environment, types and defaults.

`config/example.env` describes them. A secret `X` may come from the file that `X_FILE` names, which
is read again when it changes. An invalid setting stops the start with a sentence that names it.

"""

from service.settings.environment import load_settings, read_settings, setting_names
from service.settings.errors import SettingsError
from service.settings.model import (
    DEFAULT_METRICS_POOLS,
    DEFAULT_METRICS_PORT,
    DEVELOPMENT_KEY,
    HOME,
    PRODUCTION_DRAIN_S,
    Settings,
)
from service.settings.values import (
    MIN_SECRET_BYTES,
    RateLimit,
    as_database_url,
    keys_of,
    sqlite_file,
)

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
    "keys_of",
    "load_settings",
    "read_settings",
    "setting_names",
    "sqlite_file",
]
