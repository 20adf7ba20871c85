"""Limits of open files: a process needs some, and connections get the rest."""

import resource

from service.domain.wording import counted
from service.settings import Settings, SettingsError

MOST = 10_000
OF_A_PROCESS = 64
"""Files of a process: modules, listeners, counters, the log, and what first calls open."""
OF_A_THREAD = 6
"""Files of a thread: two database connections of two files each, a lock, and an import."""
OF_SCRAPES = 64
"""Connections to the metrics port of the master."""
FEWEST_CONNECTIONS = 64
"""With fewer, a handful of callers would exclude all others."""


def connections(settings: Settings) -> int:
    """Return how many connections a worker process may have.

    Raises:
        SettingsError: There are too few.
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
    """Raise the soft limit of open files to the hard limit, for this process and its children."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_limit(), most))


def _limit() -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if most == resource.RLIM_INFINITY else min(most, MOST)
