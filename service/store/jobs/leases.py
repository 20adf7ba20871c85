"""Leases of jobs: a worker takes a job, does chunks, and gives it back.

A job belongs to the worker whose token is in its row; `jobs/due.py` says for how long. A chunk and
progress are one transaction that begins with a check of the token under a lock: so progress and
codes always agree, and a worker that seemed dead and comes back changes nothing.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from service.domain.jobs import Chunk, Job, JobState
from service.domain.model import Millis
from service.store.database import Database
from service.store.jobs.chunk import SQLChunkReader, SQLChunkTransaction
from service.store.jobs.due import BEAT, FREE, LAST_TURN, OPEN, UNDERSTOOD, DueJobs
from service.store.jobs.rows import COLUMNS, as_job, finish
from service.store.tables import job
from service.usecases.job_kinds import KINDS, STATE_VERSION, JobProgress, do_chunk
from service.usecases.keys import JobKey, PoolKey
from service.usecases.ports.work import LEASE_MS, Lease, LeasedJob, LeaseLost, SpaceLow, Step

_KEY = (job.c.brand_id == bindparam("of_brand"), job.c.id == bindparam("of_id"))
_TAKE = (
    select(*COLUMNS, job.c.attempts, FREE.label("free"), *BEAT)
    .where(*_KEY, OPEN, UNDERSTOOD)
    .with_for_update(skip_locked=True)
)
_HELD = select(*COLUMNS, job.c.campaign_id, job.c.cursor).where(
    *_KEY, OPEN, job.c.lease == bindparam("token")
)
_ONE = select(*COLUMNS).where(*_KEY)


class SQLWork:
    """Implements `service.usecases.ports.work.Work`, which documents the methods."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """Take jobs from `database`, with a monotonic `clock`."""
        self._database = database
        self._due = DueJobs(database, clock)

    def due(self, limit: int) -> Sequence[JobKey]:
        return self._due.find(limit)

    def newer(self) -> Sequence[JobKey]:
        return self._due.newer()

    def take(self, key: JobKey, now: Millis) -> LeasedJob | None:
        with self._database.transaction() as connection:
            self._database.dialect.ignore_others(connection)
            row = connection.execute(_TAKE, _of(key)).one_or_none()
            if row is None or not self._may_take(key, row):
                return None
            found, attempts = as_job(row[: len(COLUMNS)]), row.attempts
            lease = Lease(key, secrets.token_hex(16), found.kind, attempts + 1)
            _change(
                connection,
                key,
                state=JobState.RUNNING,
                started_at=func.coalesce(job.c.started_at, now),
                lease=lease.token,
                attempts=lease.attempt,
                **_sign_of_life(now),
            )
            return LeasedJob(lease, _read(connection, key))

    def _may_take(self, key: JobKey, row: Any) -> bool:
        return bool(row.free) or self._due.is_abandoned(key, row[-len(BEAT) :])

    def pause(self, lease: Lease, detail: str, now: Millis) -> None:
        with self._database.transaction() as connection:
            _held(connection, lease)
            _change_held(connection, lease, detail=detail, **_sign_of_life(now))

    def renew(self, lease: Lease, now: Millis) -> None:
        self._database.write(partial(_change_held, held=lease, **_sign_of_life(now)))

    def step(self, lease: Lease, size: int, now: Millis) -> Step:
        self._require_space()
        prepared = self._prepare(lease, size)
        with self._database.transaction() as connection:
            began = time.perf_counter()
            progress = _progress(_held(connection, lease), lease)
            chunk = do_chunk(SQLChunkTransaction(connection, now), progress, prepared, size)
            _record(connection, lease.key, chunk, now)
            if chunk.ends is not None:
                finish(connection, lease.key, chunk.ends, chunk.detail, now)
            reached = _read(connection, lease.key)
            others = self._database.dialect.others_active(connection)
        held = time.perf_counter() - began
        free = not self._database.dialect.single_writer
        rows = max(chunk.done + chunk.failed, chunk.created, chunk.scanned)
        others = others or self._database.others_write()
        return Step(reached, rows, chunk.created, held, others, free)

    def _require_space(self) -> None:
        """Require space for a chunk, which may have about 20 MB.

        Raises:
            SpaceLow: The remaining space is reserved for reservations.
        """
        self._database.reserve.forget()
        if self._database.reserve.is_low():
            raise SpaceLow

    def _prepare(self, lease: Lease, size: int) -> Any:
        """Prepare what the chunk writes; only the holder of the lease changes what it reads."""
        prepare = KINDS[lease.kind].prepare
        if prepare is None:
            return None
        with self._database.snapshot() as connection:  # which takes as long as it takes
            progress = _progress(_held(connection, lease, lock=False), lease)
            return prepare(SQLChunkReader(connection), progress, size)

    def fail(self, lease: Lease, detail: str, now: Millis) -> Job:
        with self._database.transaction() as connection:
            _held(connection, lease)
            finish(connection, lease.key, JobState.FAILED, detail, now)
            return _read(connection, lease.key)

    def refresh(self, key: JobKey) -> None:
        if statement := self._database.dialect.statistics:
            with self._database.transaction() as connection:
                connection.exec_driver_sql(statement)

    def give_back(self, lease: Lease) -> None:
        with self._database.transaction() as connection:
            _change_held(connection, lease, lease=None, leased_until=LAST_TURN)


def _sign_of_life(now: Millis) -> dict[str, Any]:
    return {"heartbeat": job.c.heartbeat + 1, "leased_until": now + LEASE_MS}


def _change_held(connection: Connection, held: Lease, **changed: Any) -> None:
    """Change the job of a lease, unless the lease is lost."""
    connection.execute(
        update(job).where(*_KEY, job.c.lease == bindparam("token")).values(attempts=0, **changed),
        {**_of(held.key), "token": held.token},
    )


def _of(key: JobKey) -> dict[str, Any]:
    return {"of_brand": key.brand_id, "of_id": key.id}


def _progress(row: Sequence[Any], lease: Lease) -> JobProgress:
    *seen, campaign_id, cursor = row
    return JobProgress(PoolKey(lease.key.brand_id, campaign_id), as_job(seen), cursor)


def _held(connection: Connection, lease: Lease, *, lock: bool = True) -> Sequence[Any]:
    """Return the job's row for its worker, and lock the row.

    Raises:
        LeaseLost: The job has ended, or belongs to another worker.
    """
    statement = _HELD.with_for_update() if lock else _HELD
    row = connection.execute(statement, {**_of(lease.key), "token": lease.token}).one_or_none()
    if row is None:
        raise LeaseLost
    return row


def _record(connection: Connection, key: JobKey, chunk: Chunk, now: Millis) -> None:
    _change(
        connection,
        key,
        done=job.c.done + chunk.done,
        failed=job.c.failed + chunk.failed,
        cursor=chunk.cursor,
        detail=chunk.detail,
        state_version=STATE_VERSION,
        attempts=0,
        **_sign_of_life(now),
    )


def _change(connection: Connection, key: JobKey, **values: Any) -> None:
    connection.execute(update(job).where(*_KEY).values(**values), _of(key))


def _read(connection: Connection, key: JobKey) -> Job:
    return as_job(connection.execute(_ONE, _of(key)).one())
