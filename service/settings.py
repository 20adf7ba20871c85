"""Every setting of the service: its name in the environment, its type, its default.

`config/example.env` says what each is for. A secret `X` may come from the file that
`X_FILE` names; the file is kept too, for it is read again when it changes. Whatever is wrong
stops the start with one sentence that names it.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import EnvError, FileAwareEnv, ValidationError, validate

DEVELOPMENT, PRODUCTION = "development", "production"
ENVIRONMENTS = (DEVELOPMENT, PRODUCTION)
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
PRODUCTION_DRAIN_S = 5
"""Longer than it takes an orchestrator to hear that a server is not ready."""
DEFAULT_METRICS_PORT = 5001
DEFAULT_DISK_RESERVE_BYTES = 256 * 1024**2
"""Some ten times what a long write-ahead log needs while codes are reserved."""
DEFAULT_METRICS_POOLS = 2000
DEVELOPMENT_KEY = "development-"
"""How keys begin that development made up, so that production knows them."""
MIN_SECRET_BYTES = 32
"""HS256 wants a key at least as long as its hash (RFC 7518, section 3.2)."""

_SQLITE = "sqlite:///"
_POSTGRESQL = re.compile(r"postgres(?:ql)?(?:\+psycopg)?://")
_VISIBLE = re.compile(r"[!-~]+")
"""ASCII without spaces and controls."""
_REDIS = ("redis://", "rediss://", "redis+unix://")
_RATE = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,4})s", re.ASCII)
_OFF = "off"
_CHECKOUT = Path(__file__).resolve().parent.parent
HOME = _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
"""Where `config/` and `var/` are: the checkout, else the working directory."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message is a sentence that names it."""


class Environment(FileAwareEnv):
    """Names the setting whose file cannot be read, and why."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            return super()._get_value(env_key, default)
        except UnicodeDecodeError as error:
            raise SettingsError(f"{env_key}_FILE names a file that is not UTF-8 text.") from error
        except (OSError, ValueError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError):
                raise
            file = f"{env_key}_FILE: {cause.filename}"
            raise SettingsError(f"{file} cannot be read: {cause.strerror}.") from error


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many calls a caller may make in a window of so many seconds."""

    calls: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says. `None` stands for "not set", with the default explained."""

    environment: str = DEVELOPMENT
    host: str = "127.0.0.1"
    port: int = 5000
    metrics_port: int | None = None
    """`None`: `DEFAULT_METRICS_PORT`, or any free port where that is taken (development only)."""
    worker_metrics_port: int | None = None
    """`None`: `discount worker` shows no metrics of its own."""
    workers: int = 1
    threads: int = 16
    database_url: str = field(default=f"sqlite:///{HOME}/var/discount.db", repr=False)
    """It may hold a password; one of PostgreSQL is as libpq takes it."""
    database_url_file: Path | None = None
    """Where the URL came from, if from a file."""
    prepared_statements: bool = True
    """Whether a PostgreSQL server keeps them; a pooler between may not."""
    jwt_secret: str | None = field(default=None, repr=False)
    jwt_secret_file: Path | None = None
    """Where the secret came from, if from a file."""
    jwt_keys_file: Path | None = None
    jwt_jwks_url: str | None = None
    jwt_issuer: str = "discount"
    jwt_audience: str = "discount"
    pseudonym_key: str | None = field(default=None, repr=False)
    pseudonym_key_file: Path | None = None
    """Where the key came from, if from a file."""
    rate_limit: RateLimit | None = RateLimit(50_000, 10)
    """`None`: there is no limit."""
    rate_limit_storage_url: str | None = field(default=None, repr=False)
    """It may hold a password. `None`: each process counts for itself."""
    miss_limit: int = 600
    """How many unknown codes a caller may look up in a brand within a minute. 0: any number."""
    import_max_bytes: int = 2 * 1024**3
    """Longest list of codes that an import takes."""
    import_brand_budget_bytes: int = 4 * 1024**3
    """How many bytes the open imports of one brand may have."""
    import_total_budget_bytes: int = 16 * 1024**3
    """How many bytes all open imports may have."""
    disk_reserve_bytes: int | None = None
    """Free bytes below which nothing grows but reservations; 0: none are kept. `None`:
    `DEFAULT_DISK_RESERVE_BYTES` on SQLite, and none on PostgreSQL."""
    database_capacity_bytes: int | None = None
    """How large a database on PostgreSQL may become. `None`: nobody knows."""
    job_retention_days: float = 30
    """How long jobs that have ended are kept, with their reports."""
    metrics_pools: int = DEFAULT_METRICS_POOLS
    """Of how many campaigns a scrape shows the codes."""
    transfer_timeout_s: float = 600
    """Seconds that an import's body or an export's answer may take."""
    otlp_endpoint: str | None = field(default=None, repr=False)
    """Base URL of an OpenTelemetry collector. `None`: there are no traces."""
    log_level: str = "info"
    drain_s: float = 0
    """Seconds between saying "not ready" and closing the listener."""

    @property
    def on_postgresql(self) -> bool:
        """Whether the database is a PostgreSQL server, and not an SQLite file."""
        return not self.database_url.startswith(_SQLITE)

    @property
    def reserve_bytes(self) -> int:
        """Free bytes below which nothing grows but reservations, 0 for none."""
        if self.disk_reserve_bytes is not None:
            return self.disk_reserve_bytes
        return 0 if self.on_postgresql else DEFAULT_DISK_RESERVE_BYTES

    @property
    def production(self) -> bool:
        """Whether nothing may be made up."""
        return self.environment == PRODUCTION

    @property
    def insists_on_metrics_port(self) -> bool:
        """Whether metrics on another port would be found by nobody."""
        return self.production or self.metrics_port is not None

    @property
    def var(self) -> Path:
        """Where development keeps its key and its database."""
        return HOME / "var"


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: One is missing or wrong.
    """
    return read_settings(Environment(strip_whitespace=True))


def read_settings(env: FileAwareEnv) -> Settings:
    """Read the settings through `env`, which afterwards knows the name of each.

    Raises:
        SettingsError: One is missing or wrong.
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
            jwt_keys_file=env.path("DISCOUNT_JWT_KEYS_FILE", None, validate=_is_file),
            jwt_jwks_url=env.str("DISCOUNT_JWT_JWKS_URL", None, validate=_is_web_url),
            jwt_issuer=env.str("DISCOUNT_JWT_ISSUER", default.jwt_issuer, validate=named),
            jwt_audience=env.str("DISCOUNT_JWT_AUDIENCE", default.jwt_audience, validate=named),
            pseudonym_key=env.str("DISCOUNT_PSEUDONYM_KEY", None, validate=secret),
            pseudonym_key_file=_file_of("DISCOUNT_PSEUDONYM_KEY"),
            rate_limit=_rate_limit(
                env.str("DISCOUNT_RATE_LIMIT", None, validate=_is_rate), default.rate_limit
            ),
            rate_limit_storage_url=env.str(
                "DISCOUNT_RATE_LIMIT_STORAGE_URL", None, validate=_is_redis
            ),
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
                validate=validate.Range(min=2, max=36_500),  # keys are good for a day
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
            otlp_endpoint=env.str("DISCOUNT_OTLP_ENDPOINT", None, validate=_is_web_url),
            log_level=env.str(
                "DISCOUNT_LOG_LEVEL", default.log_level, validate=validate.OneOf(LOG_LEVELS)
            ),
        )
    except (EnvError, ValueError) as error:
        raise SettingsError(_sentence(error)) from error
    _complete(settings)
    if settings.database_url == default.database_url:
        with suppress(OSError):  # who needs the folder finds out, and says so
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
    """Say what environs says without the brackets of a list."""
    problems = getattr(error, "error_messages", None)
    text = str(error)
    return text.replace(str(problems), " ".join(problems)) if isinstance(problems, list) else text


def _file_of(name: str) -> Path | None:
    """Return the file that a secret comes from; environs reads it, but does not tell."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path) if path else None


def _is_file(path: Path) -> None:
    if not path.is_file():
        raise ValidationError(f"There is no file {path}.")


def _is_web_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.scheme not in {"http", "https"} or not _VISIBLE.fullmatch(url):
        raise ValidationError("Not of the form https://host/path.")
    if parts.username is not None or parts.fragment:
        raise ValidationError("A URL with a user or a fragment is not fetched.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_redis(url: str) -> None:
    if not url.startswith(_REDIS):
        raise ValidationError(f"Begins with none of {', '.join(_REDIS)}.")


def _is_rate(text: str) -> None:
    if text != _OFF and not _RATE.fullmatch(text):
        raise ValidationError(f'Neither "{_OFF}" nor calls per seconds, such as 50000/10s.')


def _rate_limit(text: str | None, default: RateLimit | None) -> RateLimit | None:
    if text is None:
        return default
    rate = _RATE.fullmatch(text)
    return RateLimit(int(rate[1]), int(rate[2])) if rate else None


def as_database_url(url: str, name: str = "DISCOUNT_DATABASE_URL") -> str:
    """Make the path of an SQLite URL absolute, and a PostgreSQL URL as libpq takes it.

    Args:
        url: What somebody wrote.
        name: Where they wrote it.

    Raises:
        SettingsError: It is neither. It may hold a password, so it is not repeated.
    """
    if url == f"{_SQLITE}:memory:":
        raise SettingsError(
            f"{name}: a database in memory is nobody's after a restart; name a file."
        )
    if url.startswith(_SQLITE) and url != _SQLITE:
        return _SQLITE + str(Path(url.removeprefix(_SQLITE)).absolute())
    if _POSTGRESQL.match(url):
        return _POSTGRESQL.sub("postgresql://", url, count=1)
    raise SettingsError(f"{name}: neither {_SQLITE}path/to/file nor postgresql://host/database.")


def sqlite_file(url: str) -> Path | None:
    """Return the file that an SQLite URL names, `None` for another URL.

    What follows the prefix is the path as it is: its `%`, `?` and `#` are characters of names.
    """
    path = url.removeprefix(_SQLITE)
    return Path(path) if path and path != url else None


def _require_different_ports(settings: Settings) -> None:
    """Insist on a port for each that listens; a default that is not insisted on may move away.

    Raises:
        SettingsError: Two are the same.
    """
    default = DEFAULT_METRICS_PORT if settings.insists_on_metrics_port else None
    ports = {
        "PORT": settings.port,
        "METRICS_PORT": settings.metrics_port or default,
        "DISCOUNT_WORKER_METRICS_PORT": settings.worker_metrics_port,
    }
    for (first, port), (second, other) in combinations(ports.items(), 2):
        if port is not None and port == other:
            raise SettingsError(f"{first} and {second} are both {port}; use two ports.")


def _complete(settings: Settings) -> None:
    """Insist on what fits together, and on what production must be told.

    Raises:
        SettingsError: Something is missing, or two settings contradict each other.
    """
    _require_different_ports(settings)
    _complete_storage(settings)
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
    if url and urlsplit(url).scheme != "https" and not _is_loopback(urlsplit(url).hostname or ""):
        raise SettingsError(
            "DISCOUNT_JWT_JWKS_URL must be https in production: whoever can change the answer on "
            "its way makes callers."
        )
    if not settings.pseudonym_key:
        raise SettingsError("DISCOUNT_PSEUDONYM_KEY is not set; production needs it.")
    for name, secret in (
        ("DISCOUNT_JWT_SECRET", settings.jwt_secret),
        ("DISCOUNT_PSEUDONYM_KEY", settings.pseudonym_key),
    ):
        if secret and secret.startswith(DEVELOPMENT_KEY):
            raise SettingsError(f"{name} is a development key; production needs its own.")
    if os.environ.get("FLASK_DEBUG", "0").lower() not in {"", "0", "false", "no"}:
        raise SettingsError("FLASK_DEBUG is set; production shows nobody its insides.")


def _complete_storage(settings: Settings) -> None:
    """Insist on what is needed to tell how much space is left.

    Raises:
        SettingsError: It cannot be told.
    """
    capacity = settings.database_capacity_bytes
    if capacity and not settings.on_postgresql:
        raise SettingsError(
            "DISCOUNT_DATABASE_CAPACITY_BYTES is for PostgreSQL alone: the disk of an SQLite file "
            "is looked at."
        )
    if settings.on_postgresql and settings.disk_reserve_bytes and not capacity:
        raise SettingsError(
            "DISCOUNT_DISK_RESERVE_BYTES needs DISCOUNT_DATABASE_CAPACITY_BYTES on PostgreSQL: "
            "the disk of its server cannot be seen from here."
        )
