"""The model of the settings: types and defaults."""

from dataclasses import dataclass, field
from pathlib import Path

from service.settings.values import SQLITE, RateLimit

DEVELOPMENT, PRODUCTION = "development", "production"
ENVIRONMENTS = (DEVELOPMENT, PRODUCTION)
FAST_PATH = {"auto": True, "off": False}
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
PRODUCTION_DRAIN_S = 5
"""Longer than an orchestrator needs to notice that a server is not ready."""
DEFAULT_METRICS_PORT = 5001
DEFAULT_DISK_RESERVE_BYTES = 256 * 1024**2
"""About ten times the size of a long write-ahead log of reservations."""
DEFAULT_METRICS_POOLS = 2000
DEFAULT_RATE_LIMIT = RateLimit(50_000, 10)
DEVELOPMENT_KEY = "development-"
"""The prefix of development keys, which production refuses."""

_CHECKOUT = Path(__file__).resolve().parent.parent.parent
HOME = _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
"""The parent of `config/` and `var/`: the checkout, or the working directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings. `None` means "not set"; the texts explain such defaults."""

    environment: str = DEVELOPMENT
    host: str = "127.0.0.1"
    port: int = 5000
    metrics_port: int | None = None
    """`None`: `DEFAULT_METRICS_PORT`, or in development a free port if that is in use."""
    worker_metrics_port: int | None = None
    """`None`: `discount worker` serves no metrics."""
    workers: int = 1
    threads: int = 16
    database_url: str = field(default=f"sqlite:///{HOME}/var/discount.db", repr=False)
    """May contain a password; a libpq URL for PostgreSQL."""
    database_url_file: Path | None = None
    """The file of the URL, if it comes from one."""
    prepared_statements: bool = True
    """Whether to use prepared statements of PostgreSQL, which poolers may not support."""
    jwt_secret: str | None = field(default=None, repr=False)
    jwt_secret_file: Path | None = None
    """The file of the secret, if it comes from one."""
    jwt_keys_file: Path | None = None
    jwt_jwks_url: str | None = None
    jwt_issuer: str = "discount"
    jwt_audience: str = "discount"
    pseudonym_key: str | None = field(default=None, repr=False)
    pseudonym_key_file: Path | None = None
    """The file of the key, if it comes from one."""
    erasure_keys: tuple[str, ...] = field(default=(), repr=False)
    """The keys of tombstones; none: nobody can be erased."""
    erasure_key_file: Path | None = None
    """The file of the keys, if they come from one."""
    rate_limit: RateLimit | None = DEFAULT_RATE_LIMIT
    """`None`: there is no limit."""
    rate_limit_storage_url: str | None = field(default=None, repr=False)
    """May contain a password. `None`: each process counts for itself."""
    fast_path: bool = True
    """Whether fast-path calls are answered before Flask, and by the event loop."""
    miss_limit: int = 600
    """How many unknown codes a caller may look up in a brand per minute. 0: no limit."""
    import_max_bytes: int = 2 * 1024**3
    """Longest list of codes of an import."""
    import_brand_budget_bytes: int = 4 * 1024**3
    """Most bytes in the open imports of a brand."""
    import_total_budget_bytes: int = 16 * 1024**3
    """Most bytes in all open imports."""
    disk_reserve_bytes: int | None = None
    """Bytes of disk space that are reserved for reservations; 0: none. `None`:
    `DEFAULT_DISK_RESERVE_BYTES` on SQLite, and none on PostgreSQL."""
    database_capacity_bytes: int | None = None
    """The capacity of a PostgreSQL database. `None`: unknown."""
    job_retention_days: float = 30
    """The retention of ended jobs with their reports."""
    metrics_pools: int = DEFAULT_METRICS_POOLS
    """Most campaigns whose levels a scrape shows."""
    transfer_timeout_s: float = 600
    """The timeout of an import's body or an export's answer in seconds."""
    otlp_endpoint: str | None = field(default=None, repr=False)
    """Base URL of an OpenTelemetry collector. `None`: there are no traces."""
    log_level: str = "info"
    drain_s: float = 0
    """Seconds between saying "not ready" and closing the listener."""

    @property
    def on_postgresql(self) -> bool:
        """Whether the database is a PostgreSQL server, and not an SQLite file."""
        return not self.database_url.startswith(SQLITE)

    @property
    def fast_path_off_by(self) -> str | None:
        """The setting that leaves fast-path calls to threads, if there is one."""
        if not self.fast_path:
            return "DISCOUNT_FAST_PATH"
        if self.rate_limit and self.rate_limit_storage_url:  # the event loop must not wait
            return "DISCOUNT_RATE_LIMIT_STORAGE_URL"
        return None

    @property
    def reserve_bytes(self) -> int:
        """Bytes of disk space that are reserved for reservations, 0 for none."""
        if self.disk_reserve_bytes is not None:
            return self.disk_reserve_bytes
        return 0 if self.on_postgresql else DEFAULT_DISK_RESERVE_BYTES

    @property
    def production(self) -> bool:
        """Whether the environment is production."""
        return self.environment == PRODUCTION

    @property
    def requires_metrics_port(self) -> bool:
        """Whether the metrics port must not change."""
        return self.production or self.metrics_port is not None

    @property
    def var(self) -> Path:
        """The folder of the development key and database."""
        return HOME / "var"
