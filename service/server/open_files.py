"""How many files may be open: what a process needs for itself, and what is left for connections."""

import resource

from service.domain.wording import counted
from service.settings import Settings, SettingsError

MOST = 10_000
OF_A_PROCESS = 64
"""Modules, listeners, counters, the log, and what the first call of anything opens."""
OF_A_THREAD = 6
"""Two connections to the database, of two files each, a lock and a list that is under way."""
OF_SCRAPES = 64
"""Connections to the metrics port, which the master serves."""
FEWEST_CONNECTIONS = 64
"""With fewer, a handful of callers would keep out all others."""


def connections(settings: Settings) -> int:
    """Return how many connections a worker process may have.

    Raises:
        SettingsError: Too few to serve anybody.
    """
    limit = _limit()
    own = OF_A_PROCESS + OF_A_THREAD * settings.threads
    needed = max(own + FEWEST_CONNECTIONS, OF_A_PROCESS + OF_SCRAPES + settings.workers)
    if limit < needed:
        threads = counted(settings.threads, "thread")
        processes = counted(settings.workers, "process", "processes")
        raise SettingsError(
            f"Only {limit} files may be open (ulimit -n), and {threads} (WEB_THREADS) "
            f"and {processes} (WEB_CONCURRENCY) need {needed}: "
            "raise the limit, such as with ulimit -n 4096."
        )
    return limit - own


def allow() -> None:
    """Allow this process and its children as many open files as the system lets us."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_limit(), most))


def _limit() -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if most == resource.RLIM_INFINITY else min(most, MOST)
