"""Rate limits: how many calls each caller may make in a window of time.

A caller is what its token says, so nobody can use up another's calls. Counting needs nothing
but one number for each caller in the current window. ADR 6 explains why this
is done here and not by the hooks of flask-limiter.
"""

import threading
import time
from collections import Counter
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from service.auth.caller import Caller
from service.domain.errors import RateLimited
from service.observability.exchange import current_exchange
from service.settings import RateLimit, Settings, SettingsError

POLICY = "caller"
"""Names the one policy in the `RateLimit` fields."""
PATIENCE_S = 0.2
"""How long a call waits for Redis, which as a rule answers in a thousandth of it."""
PAUSE_S = 5.0
"""How long Redis is left alone after it failed: meanwhile no call waits for it."""
KEY_PREFIX = "discount:limit:"
REMIND_S = 60.0
"""How often the log says that Redis is still out of reach."""


class Counts(Protocol):
    """Counts calls by caller and window."""

    def add(self, caller: str, window: int) -> int:
        """Count a call, and return how many the caller has made in this window."""


class RateLimits:
    """Lets each caller make so many calls in each window."""

    def __init__(self, limit: RateLimit, counts: Counts) -> None:
        """Allow `limit`, as counted by `counts`."""
        self._limit = limit
        self._counts = counts
        self._policy = ("RateLimit-Policy", f'"{POLICY}";q={limit.calls};w={limit.seconds}')

    def admit(self, caller: Caller) -> None:
        """Count a call of a caller's, and tell it where it stands.

        The fields are those of draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4.

        Raises:
            RateLimited: It has no calls left in this window.
        """
        window, since = divmod(int(time.time()), self._limit.seconds)
        until = self._limit.seconds - since  # rounded up: never 0, and never too early
        left = self._limit.calls - self._counts.add(_name(caller), window)
        current_exchange().rate_limit = (
            self._policy,
            ("RateLimit", f'"{POLICY}";r={max(0, left)};t={until}'),
        )
        if left < 0:
            raise RateLimited(until)


def build_limits(settings: Settings, log: FilteringBoundLogger) -> RateLimits | None:
    """Make the limits that the settings ask for, if they do.

    Raises:
        SettingsError: The address of Redis is none.
    """
    if settings.rate_limit is None:
        return None
    if settings.rate_limit_storage_url is None:
        return RateLimits(settings.rate_limit, LocalCounts())
    try:
        counts = SharedCounts(settings.rate_limit_storage_url, settings.rate_limit.seconds, log)
    except ValueError as error:
        # The error's own text may hold a part of a password that was mistaken for a port.
        raise SettingsError("DISCOUNT_RATE_LIMIT_STORAGE_URL is no URL of a Redis.") from error
    return RateLimits(settings.rate_limit, counts)


class LocalCounts:
    """Counts in the memory of this process, which it bounds by forgetting the last window."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: Counter[str] = Counter()

    def add(self, caller: str, window: int) -> int:
        """Count a call."""
        with self._lock:
            if window != self._window:
                self._window = window
                self._counts = Counter()
            self._counts[caller] += 1
            return self._counts[caller]


class SharedCounts:
    """Counts in Redis, for all processes together; without Redis, each for itself.

    A limit is there to protect the service, so losing it for a while is better than losing the
    service: while Redis is out of reach calls are counted here, and one in `PAUSE_S` tries it.
    """

    def __init__(self, url: str, seconds: int, log: FilteringBoundLogger) -> None:
        """Use the Redis at `url`, which need not be there yet, for windows of `seconds`.

        Raises:
            ValueError: It is no URL of Redis.
        """
        # It takes its time to be imported, and most installations do without.
        from redis import Redis, RedisError
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._failure = RedisError
        self._redis = Redis.from_url(
            _as_redis_url(url),
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._seconds = seconds
        self._local = LocalCounts()
        self._log = log
        self._out = False
        self._ask_again_at = 0.0
        self._remind_at = 0.0

    def add(self, caller: str, window: int) -> int:
        """Count a call, in Redis if it is to be had."""
        now = time.monotonic()
        if self._out:
            if now < self._ask_again_at:
                return self._local.add(caller, window)
            self._ask_again_at = now + PAUSE_S  # set at once: others need not wait with this one
        try:
            count = self._count(f"{KEY_PREFIX}{window}:{caller}")
        except self._failure as error:
            self._note_failure(now, error)
            return self._local.add(caller, window)
        if self._out:
            self._out = False
            self._log.info("rate_limits_shared")
        return count

    def _count(self, key: str) -> int:
        """Count a call in Redis, in one round trip.

        A key lives for two windows, as the clocks of several machines may differ.
        """
        with self._redis.pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 2 * self._seconds)
            count, _ = pipeline.execute()
        return int(count)

    def _note_failure(self, now: float, error: Exception) -> None:
        if not self._out or now >= self._remind_at:
            self._remind_at = now + REMIND_S
            self._log.warning("rate_limits_not_shared", exc_info=error)
        self._ask_again_at = now + PAUSE_S
        self._out = True


def _as_redis_url(url: str) -> str:
    """Write the URL of a socket as redis-py has it."""
    return url.replace("redis+unix://", "unix://", 1)


def _name(caller: Caller) -> str:
    """Name a caller so that no two have one name, whatever is in their issuer and subject."""
    return f"{len(caller.issuer)}:{caller.issuer}:{caller.subject}"
