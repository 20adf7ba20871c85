"""Reading the settings from the environment."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from environs import EnvError, FileAwareEnv, validate

from service.settings.consistency import require_consistent
from service.settings.errors import SettingsError
from service.settings.model import (
    ENVIRONMENTS,
    FAST_PATH,
    LOG_LEVELS,
    PRODUCTION,
    PRODUCTION_DRAIN_S,
    Settings,
)
from service.settings.values import (
    MIN_SECRET_BYTES,
    are_keys,
    as_database_url,
    is_file,
    is_rate,
    is_redis,
    is_web_url,
    keys_of,
    rate_limit,
)


class Environment(FileAwareEnv):
    """An environment whose errors name the setting of an unreadable file."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            file = _file_of(env_key)
            if file and file.is_fifo():  # reading would wait, perhaps for good
                raise SettingsError(f"{env_key}_FILE: {file} is a named pipe, not a file.")
            return super()._get_value(env_key, default)
        except UnicodeDecodeError as error:
            raise SettingsError(f"{env_key}_FILE names a file that is not UTF-8 text.") from error
        except (OSError, ValueError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError):
                raise
            raise SettingsError(
                f"{env_key}_FILE: {cause.filename} cannot be read: {cause.strerror}."
            ) from error


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: A setting is missing or wrong.
    """
    return read_settings(Environment(strip_whitespace=True))


def read_settings(env: FileAwareEnv) -> Settings:
    """Read the settings through `env`, which then has the names of all.

    Raises:
        SettingsError: A setting is missing or wrong.
    """
    default = Settings()
    port = validate.Range(min=1, max=65535)
    named = validate.Length(min=1, error="Empty.")
    secret = validate.Length(
        min=MIN_SECRET_BYTES, error=f"Shorter than {MIN_SECRET_BYTES} characters."
    )
    drain = validate.Range(min=0, max=600)
    size = validate.Range(min=1, max=2**60)
    try:
        environment = env.str(
            "DISCOUNT_ENV", default.environment, validate=validate.OneOf(ENVIRONMENTS)
        )
        production = environment == PRODUCTION
        settings = Settings(
            environment=environment,
            host=env.str("HOST", default.host, validate=named),
            port=env.int("PORT", default.port, validate=port),
            metrics_port=env.int("METRICS_PORT", None, validate=port),
            worker_metrics_port=env.int("DISCOUNT_WORKER_METRICS_PORT", None, validate=port),
            workers=env.int(
                "WEB_CONCURRENCY", default.workers, validate=validate.Range(min=1, max=256)
            ),
            threads=env.int(
                "WEB_THREADS", default.threads, validate=validate.Range(min=1, max=256)
            ),
            database_url=as_database_url(env.str("DISCOUNT_DATABASE_URL", default.database_url)),
            database_url_file=_file_of("DISCOUNT_DATABASE_URL"),
            prepared_statements=env.bool(
                "DISCOUNT_PREPARED_STATEMENTS", default.prepared_statements
            ),
            jwt_secret=env.str("DISCOUNT_JWT_SECRET", None, validate=secret),
            jwt_secret_file=_file_of("DISCOUNT_JWT_SECRET"),
            jwt_keys_file=env.path("DISCOUNT_JWT_KEYS_FILE", None, validate=is_file),
            jwt_jwks_url=env.str("DISCOUNT_JWT_JWKS_URL", None, validate=is_web_url),
            jwt_issuer=env.str("DISCOUNT_JWT_ISSUER", default.jwt_issuer, validate=named),
            jwt_audience=env.str("DISCOUNT_JWT_AUDIENCE", default.jwt_audience, validate=named),
            pseudonym_key=env.str("DISCOUNT_PSEUDONYM_KEY", None, validate=secret),
            pseudonym_key_file=_file_of("DISCOUNT_PSEUDONYM_KEY"),
            erasure_keys=keys_of(env.str("DISCOUNT_ERASURE_KEY", None, validate=are_keys)),
            erasure_key_file=_file_of("DISCOUNT_ERASURE_KEY"),
            rate_limit=rate_limit(
                env.str("DISCOUNT_RATE_LIMIT", None, validate=is_rate), default.rate_limit
            ),
            rate_limit_storage_url=env.str(
                "DISCOUNT_RATE_LIMIT_STORAGE_URL", None, validate=is_redis
            ),
            fast_path=FAST_PATH[
                env.str("DISCOUNT_FAST_PATH", "auto", validate=validate.OneOf(FAST_PATH))
            ],
            miss_limit=env.int(
                "DISCOUNT_MISS_LIMIT",
                default.miss_limit,
                validate=validate.Range(min=0, max=10**9),
            ),
            import_max_bytes=env.int(
                "DISCOUNT_IMPORT_MAX_BYTES",
                default.import_max_bytes,
                validate=validate.Range(min=1, max=2**40),
            ),
            import_brand_budget_bytes=env.int(
                "DISCOUNT_IMPORT_BRAND_BUDGET_BYTES",
                default.import_brand_budget_bytes,
                validate=size,
            ),
            import_total_budget_bytes=env.int(
                "DISCOUNT_IMPORT_TOTAL_BUDGET_BYTES",
                default.import_total_budget_bytes,
                validate=size,
            ),
            disk_reserve_bytes=env.int(
                "DISCOUNT_DISK_RESERVE_BYTES", None, validate=validate.Range(min=0, max=2**60)
            ),
            database_capacity_bytes=env.int(
                "DISCOUNT_DATABASE_CAPACITY_BYTES", None, validate=size
            ),
            job_retention_days=env.float(
                "DISCOUNT_JOB_RETENTION_DAYS",
                default.job_retention_days,
                validate=validate.Range(min=2, max=36_500),  # keys are valid for a day
            ),
            metrics_pools=env.int(
                "DISCOUNT_METRICS_POOLS",
                default.metrics_pools,
                validate=validate.Range(min=1, max=1_000_000),
            ),
            transfer_timeout_s=env.float(
                "DISCOUNT_TRANSFER_TIMEOUT_S",
                default.transfer_timeout_s,
                validate=validate.Range(min=1, max=86_400),
            ),
            drain_s=env.float(
                "DISCOUNT_DRAIN_S", PRODUCTION_DRAIN_S if production else 0, validate=drain
            ),
            otlp_endpoint=env.str("DISCOUNT_OTLP_ENDPOINT", None, validate=is_web_url),
            log_level=env.str(
                "DISCOUNT_LOG_LEVEL", default.log_level, validate=validate.OneOf(LOG_LEVELS)
            ),
        )
    except (EnvError, ValueError) as error:
        raise SettingsError(_sentence(error)) from error
    require_consistent(settings)
    if settings.database_url == default.database_url:
        with suppress(OSError):  # a command that needs the folder reports the error
            settings.var.mkdir(exist_ok=True)
    return settings


class _Defaults(FileAwareEnv):
    """An environment in which nothing is set."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        return default


def setting_names() -> frozenset[str]:
    """Return the name of every setting, and `X_FILE` for each `X`."""
    env = _Defaults()
    read_settings(env)
    return frozenset(name + suffix for name in env.dump() for suffix in ("", "_FILE"))


def _sentence(error: Exception) -> str:
    """Return the message of environs without the brackets of a list."""
    problems = getattr(error, "error_messages", None)
    text = str(error)
    return text.replace(str(problems), " ".join(problems)) if isinstance(problems, list) else text


def _file_of(name: str) -> Path | None:
    """Return the file of a secret, which environs reads without exposing its name."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path) if path else None
