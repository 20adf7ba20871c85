"""What the PgBouncer on this machine can do."""

import functools
import re
import subprocess

from tests.plugins.system_packages import require

PREPARES_SINCE = (1, 22)
"""1.21 has `max_prepared_statements`; 1.22 lets a client close one, as psycopg does."""


@functools.cache
def version() -> tuple[int, int]:
    """Return the version of the PgBouncer that tests run."""
    done = subprocess.run(
        [require("pgbouncer"), "--version"], capture_output=True, text=True, check=True
    )
    found = re.search(r"PgBouncer (\d+)\.(\d+)", done.stdout)
    assert found, done.stdout
    return int(found[1]), int(found[2])


def prepares() -> bool:
    """Return whether it tracks prepared statements in transaction mode."""
    return version() >= PREPARES_SINCE
