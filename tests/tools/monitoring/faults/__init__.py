"""The faults of the drill, each caused for real; docs/alerts.md says what each must lead to."""

from collections.abc import Mapping, Sequence

from tests.tools.monitoring.faults import callers, processes, storage
from tests.tools.monitoring.faults.registry import FAULTS
from tests.tools.monitoring.scene import LOCKED, MOUNTED, POSTGRESQL, QUIET, SMALL_DISK, SQLITE

__all__ = ["FAULTS", "TRACKS", "Tracks", "callers", "processes", "storage"]

Tracks = Mapping[str, Sequence[Sequence[str]]]
TRACKS: Tracks = {
    POSTGRESQL: [
        [
            "the network to the database is slow",
            "the database is stopped",
        ],
        ["the token issuer is down"],
    ],
    LOCKED: [
        ["a session holds a lock on a table"],
        ["the log is unwritable from time to time"],
        ["a library leaks memory"],
    ],
    SQLITE: [
        [
            "a pool is used up quickly",
            "the last code of a pool is handed out",
            "a job kills its workers",
            "a job worker hangs",
            "another process holds SQLite's write lock",
            "worker processes are killed repeatedly",
            "the server is killed and not restarted",
        ]
    ],
    SMALL_DISK: [
        [
            "callers send forged tokens",
            "the issuer's clock is a minute fast",
            "the disk is full",
            "the tables are from an earlier version",
        ],
        ["no job worker runs"],
    ],
    MOUNTED: [
        [
            "kept connections reach the limit of open files",
            "worker processes are stopped and hang",
            "a reader of SQLite does not end",
            "the disk fills up steadily",
            "the disk is frozen",
        ],
    ],
    QUIET: [
        [
            "all calls are refused, at a low rate",
            "Redis is stopped",
            "the collector of traces is down",
            "a caller exceeds its rate limit",
            "fresh servers get no keys",
        ],
    ],
}
"""The faults of each service, one after the other; tracks run in parallel."""
