"""Jobs that a worker may take: those without a worker, and those of dead workers.

No wall clock is used: a worker changes the heartbeat of its job's row with each chunk, and each
worker detects stopped heartbeats with its own monotonic clock. A version before revision 7 has no
heartbeat, but changes `leased_until`; so a heartbeat consists of both, and the lease's token.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from service.store.database import Database
from service.store.dialect import DatabaseSession
from service.store.tables import job
from service.usecases.heartbeats import HeartbeatMonitor
from service.usecases.job_kinds import KINDS, STATE_VERSION
from service.usecases.keys import JobKey
from service.usecases.ports.work import LEASE_S

LONGEST_GAP_S = 2.0
"""How much of the time between two checks counts at most: workers check every second."""
SILENT_S = 5
"""How long a worker that seems dead may be silent while it sends codes."""

OPEN = job.c.finished_at.is_(None)
UNDERSTOOD = and_(job.c.kind.in_(list(KINDS)), job.c.state_version <= STATE_VERSION)
"""Whether this version of the service can do a job."""
FREE = or_(job.c.lease.is_(None), job.c.leased_until == 0)
BEAT = (job.c.lease, job.c.leased_until, job.c.heartbeat)
"""The heartbeat: it changes as long as a worker lives."""

_KEY = (job.c.brand_id, job.c.id)
# A worker that is in the middle of a transaction, however long, has the row locked: others pass it
# by, when they look for jobs and when they take one.
_FREE = (
    select(*_KEY)
    .where(OPEN, UNDERSTOOD, FREE)
    .order_by(job.c.leased_until, job.c.id)
    .with_for_update(read=True, key_share=True, skip_locked=True)
)
_LEASED = select(*_KEY, *BEAT).where(OPEN, UNDERSTOOD, ~FREE)
_STILL = (
    select(*_KEY)
    .where(OPEN, job.c.brand_id == bindparam("of_brand"), job.c.id == bindparam("of_id"))
    .with_for_update(read=True, key_share=True, skip_locked=True)
)
_NEWER = select(*_KEY).where(OPEN, ~UNDERSTOOD)
_waiting = job.alias()
LAST_TURN = (
    select(func.coalesce(func.max(_waiting.c.leased_until), 0) + 1)
    .where(_waiting.c.finished_at.is_(None), _waiting.c.lease.is_(None))
    .scalar_subquery()
)
"""The turn of a job at the end of the queue."""


class DueJobs:
    """A finder of jobs that may be taken; call it about once a second.

    Args:
        database: The database of the jobs.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._workers = HeartbeatMonitor[JobKey](LONGEST_GAP_S, clock)
        self._sessions = HeartbeatMonitor[DatabaseSession](LONGEST_GAP_S, clock)

    def find(self, limit: int) -> Sequence[JobKey]:
        """Return those that have waited longest, abandoned ones first."""
        with self._database.read() as connection:
            silent = self._observe(connection)
            dead = [key for key, silent_s in silent.items() if silent_s >= LEASE_S]
            if any(silent.values()):
                self._end_silent(connection, dead)
            dead = [key for key in dead if _is_unlocked(connection, key)][:limit]
            free = connection.execute(_FREE.limit(limit - len(dead)))
            return [*dead, *(JobKey(*row) for row in free)]

    def newer(self) -> Sequence[JobKey]:
        """Return those that only a newer version can do."""
        with self._database.read() as connection:
            return [JobKey(*row) for row in connection.execute(_NEWER)]

    def is_abandoned(self, key: JobKey, beat: Sequence[Any]) -> bool:
        """Record a heartbeat, and return whether it has stopped."""
        return self._workers.observe(key, tuple(beat)) >= LEASE_S

    def _observe(self, connection: Connection) -> Mapping[JobKey, float]:
        """Return how long each job's worker has sent no heartbeat, the longest first."""
        rows = connection.execute(_LEASED)
        found = self._workers.observe_all({JobKey(*row[:2]): tuple(row[2:]) for row in rows})
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _end_silent(self, connection: Connection, dead: Iterable[JobKey]) -> None:
        """End silent sessions of dead workers that keep their jobs locked."""
        dialect = self._database.dialect
        beats = dialect.sending_sessions(connection)
        abandoned = set(dead)
        for session, silent_s in self._sessions.observe_all(beats).items():
            if silent_s >= SILENT_S and session.key in abandoned:
                dialect.end_session(connection, session)


def _is_unlocked(connection: Connection, key: JobKey) -> bool:
    of = {"of_brand": key.brand_id, "of_id": key.id}
    return connection.execute(_STILL, of).one_or_none() is not None
