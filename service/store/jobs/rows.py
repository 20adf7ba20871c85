"""Rows of jobs: reading, inserting and ending."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from service.domain.errors import JobNotFound
from service.domain.jobs import Job, JobKind, JobRequest, JobState
from service.domain.model import Millis
from service.store.tables import brand, job
from service.usecases.keys import JobKey, PoolKey
from service.usecases.ports.transaction import JobCursor

COLUMNS = (
    *(job.c.id, job.c.kind, job.c.state, job.c.total, job.c.done, job.c.failed),
    *(job.c.requested_by, job.c.parameters, job.c.detail),
    *(job.c.created_at, job.c.started_at, job.c.finished_at),
)
"""The columns that `as_job` reads."""
OF_POOL = (
    job.c.brand_id == bindparam("brand_id"),
    job.c.campaign_id == bindparam("campaign_id"),
)
_ONE = select(*COLUMNS).where(*OF_POOL, job.c.id == bindparam("id"))
_CURSOR = select(job.c.state_version, job.c.cursor).where(*OF_POOL, job.c.id == bindparam("id"))
_OPEN = select(func.count()).where(
    job.c.brand_id == bindparam("brand_id"), job.c.finished_at.is_(None)
)
_OPEN_OF_POOL = select(job.c.id).where(*OF_POOL, job.c.finished_at.is_(None))
# Two that ask at once count one after the other; the lock keeps no code or campaign waiting.
_LOCK_BRAND = (
    select(brand.c.id).where(brand.c.id == bindparam("brand_id")).with_for_update(key_share=True)
)


def as_job(row: Sequence[Any]) -> Job:
    """Return the job of a row of `COLUMNS`."""
    (id_, kind, state, total, done, failed, requested_by, parameters, *rest) = row
    return Job(
        id_,
        _kind_of(kind),
        JobState(state),
        total,
        done,
        failed,
        requested_by,
        json.loads(parameters),
        *rest,
    )


def _kind_of(kind: str) -> str:
    """Return a kind of job, or its name if only a newer version knows it."""
    return JobKind(kind) if kind in set(JobKind) else kind


def find_job(connection: Connection, pool: PoolKey, job_id: str, *, lock: bool = False) -> Job:
    """Return one job.

    Raises:
        JobNotFound: The campaign has no such job.
    """
    statement = _ONE.with_for_update() if lock else _ONE
    row = connection.execute(statement, {**pool._asdict(), "id": job_id}).one_or_none()
    if row is None:
        raise JobNotFound
    return as_job(row)


def find_cursor(connection: Connection, pool: PoolKey, job_id: str) -> JobCursor:
    """Return the progress of a job."""
    return JobCursor(*connection.execute(_CURSOR, {**pool._asdict(), "id": job_id}).one())


def count_open(connection: Connection, brand_id: int, *, lock: bool = False) -> int:
    """Return the number of a brand's open jobs; `lock` makes others that do so wait."""
    if lock:
        connection.execute(_LOCK_BRAND, {"brand_id": brand_id})
    return int(connection.execute(_OPEN, {"brand_id": brand_id}).scalar_one())


def open_of_pool(connection: Connection, pool: PoolKey) -> Sequence[str]:
    """Return the ids of a campaign's open jobs."""
    return connection.execute(_OPEN_OF_POOL, pool._asdict()).scalars().all()


def insert_job(
    connection: Connection, pool: PoolKey, job_id: str, request: JobRequest, now: Millis
) -> Job:
    """Insert a queued job."""
    connection.execute(
        insert(job),
        {
            **pool._asdict(),
            "id": job_id,
            "kind": request.kind,
            "state": JobState.QUEUED,
            "parameters": json.dumps(request.parameters),
            "requested_by": request.requested_by,
            "total": request.total,
            "done": 0,
            "failed": 0,
            "created_at": now,
            "leased_until": 0,
        },
    )
    return find_job(connection, pool, job_id)


def finish(
    connection: Connection, key: JobKey, state: JobState, detail: str | None, now: Millis
) -> None:
    """End a job, and revoke its lease."""
    connection.execute(
        update(job)
        .where(job.c.brand_id == key.brand_id, job.c.id == key.id)
        .values(state=state, detail=detail, finished_at=now, lease=None, leased_until=0)
    )
