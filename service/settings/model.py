"""The settings as the service uses them: types and defaults."""

from dataclasses import dataclass, field
from pathlib import Path

from service.settings.values import SQLITE, RateLimit

DEVELOPMENT, PRODUCTION = "development", "production"
ENVIRONMENTS = (DEVELOPMENT, PRODUCTION)
FAST_PATH = {"auto": True, "off": False}
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
PRODUCTION_DRAIN_S = 5
"""Longer than it takes an orchestrator to hear that a server is not ready."""
DEFAULT_METRICS_PORT = 5001
DEFAULT_DISK_RESERVE_BYTES = 256 * 1024**2
"""Some ten times what a long write-ahead log needs while codes are reserved."""
DEFAULT_METRICS_POOLS = 2000
DEFAULT_RATE_LIMIT = RateLimit(50_000, 10)
DEVELOPMENT_KEY = "development-"
"""How keys begin that development made up, so that production knows them."""
MIN_SECRET_BYTES = 32
"""HS256 wants a key at least as long as its hash (RFC 7518, section 3.2)."""

_CHECKOUT = Path(__file__).resolve().parent.parent.parent
HOME = _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
"""Where `config/` and `var/` are: the checkout, else the working directory."""


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
    rate_limit: RateLimit | None = DEFAULT_RATE_LIMIT
    """`None`: there is no limit."""
    rate_limit_storage_url: str | None = field(default=None, repr=False)
    """It may hold a password. `None`: each process counts for itself."""
    fast_path: bool = True
    """Whether fast-path calls may be answered before Flask, and by the event loop."""
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
        return not self.database_url.startswith(SQLITE)

    @property
    def fast_path_off_by(self) -> str | None:
        """The setting for which threads answer fast-path calls; `None`: the event loop does."""
        if not self.fast_path:
            return "DISCOUNT_FAST_PATH"
        if self.rate_limit and self.rate_limit_storage_url:  # the event loop must not wait
            return "DISCOUNT_RATE_LIMIT_STORAGE_URL"
        return None

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
