"""Taking jobs in tests."""

from service.usecases.ports.clock import system_clock

NOW = system_clock()
HOUR_MS = 3_600_000


def take(work, key, at=NOW):
    """Take an available job."""
    return work.take(key, at).lease
