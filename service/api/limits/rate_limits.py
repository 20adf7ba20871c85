"""Rate limits: how many calls each caller may make in a window of time.

Callers are identified by their tokens, so nobody can use up the calls of another. Counting needs
one number for each caller in the current window. ADR 6 explains why
flask-limiter's hooks are not used.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from service.auth.caller import Caller
from service.domain.errors import RateLimited
from service.domain.network_errors import reason_of
from service.observability.exchange import current_exchange
from service.observability.metrics.instruments import Metrics
from service.settings import RateLimit, Settings, SettingsError

POLICY = "caller"
"""The name of the policy in the `RateLimit` fields."""
REDIS_TIMEOUT_S = 0.2
"""How long a call waits for Redis, which usually answers a thousand times faster."""
RETRY_INTERVAL_S = 5.0
"""Seconds between two attempts while Redis is down; meanwhile no other call waits for it."""
KEY_PREFIX = "discount:limit:"
LOG_INTERVAL_S = 60.0
"""Seconds between two log lines while Redis is down."""


class CallCounter(Protocol):
    """A counter of calls by caller and window."""

    @property
    def is_shared(self) -> bool | None:
        """Whether all processes count together; `None` if they are not meant to."""

    def start(self) -> None:
        """Start the threads of this process, if there are any."""

    def add(self, caller: str, window: int) -> int:
        """Count a call, and return how many the caller has made in this window."""


class RateLimits:
    """The limit of calls that each caller may make in a window."""

    def __init__(self, limit: RateLimit, counts: CallCounter) -> None:
        """Allow `limit`, as counted by `counts`."""
        self._limit = limit
        self._counts = counts
        self._policy = ("RateLimit-Policy", f'"{POLICY}";q={limit.calls};w={limit.seconds}')

    def start(self) -> None:
        """Start the threads of this process, if there are any."""
        self._counts.start()

    @property
    def is_shared(self) -> bool | None:
        """Whether all processes count together; `None` if they are not meant to."""
        return self._counts.is_shared

    def admit(self, caller: Caller) -> None:
        """Count a call, and report the remaining calls in header fields.

        The fields are those of draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4.

        Raises:
            RateLimited: The caller has no calls left in this window.
        """
        window, since = divmod(int(time.time()), self._limit.seconds)
        until = self._limit.seconds - since  # rounded up: never 0, and never too early
        left = self._limit.calls - self._counts.add(_caller_key(caller), window)
        current_exchange().rate_limit = (
            self._policy,
            ("RateLimit", f'"{POLICY}";r={max(0, left)};t={until}'),
        )
        if left < 0:
            raise RateLimited(until)


def build_limits(
    settings: Settings, log: FilteringBoundLogger, metrics: Metrics
) -> RateLimits | None:
    """Return the rate limits of the settings, if there are any.

    Raises:
        SettingsError: The URL of Redis is not valid.
    """
    if settings.rate_limit is None:
        return None
    if settings.rate_limit_storage_url is None:
        return RateLimits(settings.rate_limit, LocalCallCounter())
    try:
        counts = RedisCallCounter(
            settings.rate_limit_storage_url,
            settings.rate_limit.seconds,
            log,
            metrics.redis_failed,
        )
    except ValueError as error:
        # The text of the error may contain a part of a password that was parsed as the port.
        raise SettingsError(
            "DISCOUNT_RATE_LIMIT_STORAGE_URL is not the URL of a Redis server."
        ) from error
    return RateLimits(settings.rate_limit, counts)


class LocalCallCounter:
    """A counter in the memory of this process, which keeps the current window only."""

    is_shared: bool | None = None

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: Counter[str] = Counter()

    def start(self) -> None:
        """Start no thread."""

    def add(self, caller: str, window: int) -> int:
        """Count a call."""
        with self._lock:
            if window != self._window:
                self._window = window
                self._counts = Counter()
            self._counts[caller] += 1
            return self._counts[caller]


class RedisCallCounter:
    """A counter in Redis for all processes; while Redis is down, each process counts alone.

    A limit protects the service, so losing the limit for a while is better than losing the
    service. While Redis is down, one call in `RETRY_INTERVAL_S` tries it again. A thread checks it
    as well, since there may be no calls.
    """

    def __init__(
        self, url: str, seconds: int, log: FilteringBoundLogger, failed: Callable[[], None]
    ) -> None:
        """Use the Redis at `url`, which need not be up yet, for windows of `seconds`.

        Raises:
            ValueError: The URL is not valid.
        """
        # The import is slow, and most installations have no Redis.
        from redis import Redis, RedisError
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._failure = RedisError
        self._redis = Redis.from_url(
            _as_redis_url(url),
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._seconds = seconds
        self._local = LocalCallCounter()
        self._log, self._failed = log, failed
        self._is_down = False
        self._retry_at = 0.0
        self._log_again_at = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether Redis answered at the last attempt."""
        return not self._is_down

    def start(self) -> None:
        """Start a thread that checks Redis periodically until the process ends."""

        def check_periodically() -> None:
            while True:
                self.check()
                time.sleep(RETRY_INTERVAL_S)

        threading.Thread(target=check_periodically, name="redis", daemon=True).start()

    def check(self) -> None:
        """Check whether Redis answers."""
        try:
            self._redis.ping()
        except self._failure as error:
            self._record_failure(time.monotonic(), error)
        else:
            self._record_success()

    def add(self, caller: str, window: int) -> int:
        """Count a call, in Redis if possible."""
        now = time.monotonic()
        if self._is_down:
            if now < self._retry_at:
                return self._local.add(caller, window)
            self._retry_at = (
                now + RETRY_INTERVAL_S
            )  # before the attempt: other calls need not wait for it
        try:
            count = self._count(f"{KEY_PREFIX}{window}:{caller}")
        except self._failure as error:
            self._record_failure(now, error)
            return self._local.add(caller, window)
        self._record_success()
        return count

    def _count(self, key: str) -> int:
        """Count a call in Redis, in one round trip.

        A key lives for two windows, since the clocks of machines may differ.
        """
        with self._redis.pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 2 * self._seconds)
            count, _ = pipeline.execute()
        return int(count)

    def _record_success(self) -> None:
        if self._is_down:
            self._is_down = False
            self._log.info("rate_limits_shared")

    def _record_failure(self, now: float, error: Exception) -> None:
        self._failed()
        if not self._is_down or now >= self._log_again_at:
            self._log_again_at = now + LOG_INTERVAL_S
            self._log.warning("rate_limits_not_shared", reason=reason_of(error), exc_info=error)
        self._retry_at = now + RETRY_INTERVAL_S
        self._is_down = True


def _as_redis_url(url: str) -> str:
    """Return a URL in redis-py's form, which differs for a Unix socket."""
    return url.replace("redis+unix://", "unix://", 1)


def _caller_key(caller: Caller) -> str:
    """Return a key that is unique to a caller, whatever its issuer and subject contain."""
    return f"{len(caller.issuer)}:{caller.issuer}:{caller.subject}"
