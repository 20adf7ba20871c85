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
    """Names the setting whose file cannot be read as text."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            return super()._get_value(env_key, default)
        except UnicodeDecodeError as error:
            raise SettingsError(f"{env_key}_FILE names a file that is not UTF-8 text.") from error


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
    import_max_bytes: int = 2 * 1024**3
    """Longest list of codes that an import takes."""
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
            import_max_bytes=env.int(
                "DISCOUNT_IMPORT_MAX_BYTES",
                default.import_max_bytes,
                validate=validate.Range(min=1, max=2**40),
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
    if url.startswith(_SQLITE) and url != _SQLITE:
        return _SQLITE + str(Path(url.removeprefix(_SQLITE)).absolute())
    if _POSTGRESQL.match(url):
        return _POSTGRESQL.sub("postgresql://", url, count=1)
    raise SettingsError(f"{name}: neither {_SQLITE}path/to/file nor postgresql://host/database.")


def _complete(settings: Settings) -> None:
    """Insist on what fits together, and on what production must be told.

    Raises:
        SettingsError: Something is missing, or two settings contradict each other.
    """
    if settings.port == (settings.metrics_port or DEFAULT_METRICS_PORT) and (
        settings.insists_on_metrics_port
    ):
        raise SettingsError(f"PORT and METRICS_PORT are both {settings.port}; use two ports.")
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
