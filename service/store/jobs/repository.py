"""Jobs as callers see them: asking for one, watching it, cancelling it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from service.domain.errors import Conflict, JobNotFound, TooManyJobs, Unavailable
from service.domain.jobs import MAX_OPEN, Job, JobKind, JobState, Order, new_job_id
from service.domain.model import AnswerKind, Idempotency, Millis, Page
from service.domain.names import DEFAULT_CAMPAIGN
from service.domain.wording import counted
from service.store.database import Database
from service.store.imports import staging
from service.store.imports.tasks import is_storing
from service.store.repositories import idempotency
from service.store.repositories.pools import find_pool, open_default_pool
from service.store.space import growing
from service.store.tables import brand, job
from service.usecases.imports import FileKey
from service.usecases.job_ports import JobKey
from service.usecases.keys import Pool

COLUMNS = (
    *(job.c.id, job.c.kind, job.c.state, job.c.total, job.c.done, job.c.failed),
    *(job.c.requested_by, job.c.parameters, job.c.detail),
    *(job.c.created_at, job.c.started_at, job.c.finished_at),
)
"""What `as_job` reads."""

_OF_POOL = (
    job.c.brand_id == bindparam("brand_id"),
    job.c.campaign_id == bindparam("campaign_id"),
)
_ONE = select(*COLUMNS).where(*_OF_POOL, job.c.id == bindparam("id"))
_OPEN = select(func.count()).where(
    job.c.brand_id == bindparam("brand_id"), job.c.finished_at.is_(None)
)
# Two that ask at once count one after the other; the lock keeps no code or campaign waiting.
_LOCK_BRAND = (
    select(brand.c.id).where(brand.c.id == bindparam("brand_id")).with_for_update(key_share=True)
)
FIRST_TOTAL = "first_total"
"""The parameter that keeps how many rows there seemed to be when the job was asked for."""
_STAYS: Mapping[str, str] = {
    JobKind.GENERATE: "Cancelled. The {codes}.",
    JobKind.IMPORT: "Cancelled. No code of the file was taken.",
}


class SQLJobs:
    """Implements `service.usecases.job_ports.Jobs`, which documents the methods."""

    def __init__(self, database: Database) -> None:
        """Keep everything in `database`."""
        self._database = database

    def add(
        self,
        brand: str,
        campaign: str,
        order: Order,
        now: Millis,
        *,
        once: Idempotency | None = None,
    ) -> tuple[JobKey, Job, bool]:
        def add_job(connection: Connection) -> tuple[JobKey, Job, bool]:
            answered = idempotency.recall(connection, once, now) if once else None
            if answered is not None:
                pool = find_pool(connection, brand, campaign)
                first = _as_begun(_find(connection, pool, answered[0]))
                return JobKey(pool.brand_id, first.id), first, False
            self._database.reserve.require()
            if campaign == DEFAULT_CAMPAIGN:
                pool = open_default_pool(connection, brand, now)
            else:
                pool = find_pool(connection, brand, campaign)
            added = _add(connection, pool, order, now)
            if once:
                kind = AnswerKind.JOB
                idempotency.remember(connection, pool.brand_id, once, kind, [added.id], now)
            return JobKey(pool.brand_id, added.id), added, True

        with growing():
            return self._database.write(add_job)

    def find(self, brand: str, campaign: str, job_id: str) -> Job:
        with self._database.read() as connection:
            return _find(connection, find_pool(connection, brand, campaign), job_id)

    def page(self, brand: str, campaign: str, after: str | None, limit: int) -> Page[Job]:
        statement = select(*COLUMNS).where(*_OF_POOL).order_by(job.c.id.desc()).limit(limit + 1)
        if after is not None:
            statement = statement.where(job.c.id < after)
        with self._database.read() as connection:
            pool = find_pool(connection, brand, campaign)
            rows = connection.execute(statement, pool._asdict()).all()
        return Page([as_job(row) for row in rows[:limit]], more=len(rows) > limit)

    def cancel(self, brand: str, campaign: str, job_id: str, now: Millis) -> Job:
        def cancel_job(connection: Connection) -> Job:
            pool = find_pool(connection, brand, campaign)
            # On PostgreSQL all codes are stored in one transaction, which has the row locked.
            _refuse_storing(connection, pool, _find(connection, pool, job_id))
            found = _find(connection, pool, job_id, lock=True)
            if found.state is JobState.CANCELLED:
                return found
            if found.finished_at is not None:
                raise Conflict(f"The job has {found.state} already.")
            _refuse_storing(connection, pool, found)
            stay = ("code that was made stays", "codes that were made stay")
            codes = counted(found.done, *stay)
            detail = _STAYS.get(found.kind, "Cancelled.").format(codes=codes)
            finish(connection, JobKey(pool.brand_id, job_id), JobState.CANCELLED, detail, now)
            return _find(connection, pool, job_id)

        return self._database.write(cancel_job)


def finish(
    connection: Connection, key: JobKey, state: JobState, detail: str | None, now: Millis
) -> None:
    """End a job, and take it from whoever has it."""
    connection.execute(
        update(job)
        .where(job.c.brand_id == key.brand_id, job.c.id == key.id)
        .values(state=state, detail=detail, finished_at=now, lease=None, leased_until=0)
    )


def as_job(row: Sequence[Any]) -> Job:
    """Make a job of a row of `COLUMNS`."""
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
    """Return a kind of job; one that only a newer version knows stays what it is called."""
    return JobKind(kind) if kind in set(JobKind) else kind


def _find(connection: Connection, pool: Pool, job_id: str, *, lock: bool = False) -> Job:
    statement = _ONE.with_for_update() if lock else _ONE
    row = connection.execute(statement, {**pool._asdict(), "id": job_id}).one_or_none()
    if row is None:
        raise JobNotFound
    return as_job(row)


def _refuse_storing(connection: Connection, pool: Pool, found: Job) -> None:
    """Insist that an open job is no import whose codes are being stored.

    Raises:
        Conflict: It is one.
    """
    if found.kind != JobKind.IMPORT or found.finished_at is not None:
        return
    if is_storing(connection, pool, found.id):
        raise Conflict("Every row was good, and the codes are being stored.")


def require_job(connection: Connection, pool: Pool, job_id: str) -> None:
    """Insist on a job of a campaign.

    Raises:
        JobNotFound: There is none.
    """
    _find(connection, pool, job_id)


def require_place(connection: Connection, brand_id: int) -> None:
    """Insist that a brand may have another open job.

    Raises:
        TooManyJobs: It has as many as it may.
    """
    if connection.execute(_OPEN, {"brand_id": brand_id}).scalar_one() >= MAX_OPEN:
        raise TooManyJobs


def _add(connection: Connection, pool: Pool, order: Order, now: Millis) -> Job:
    connection.execute(_LOCK_BRAND, {"brand_id": pool.brand_id})
    require_place(connection, pool.brand_id)
    if order.kind is JobKind.IMPORT and "file" not in order.parameters:
        raise Unavailable  # its key was known when the list came, and is too old by now
    job_id = new_job_id()
    connection.execute(
        insert(job),
        {
            **pool._asdict(),
            "id": job_id,
            "kind": order.kind,
            "state": JobState.QUEUED,
            "parameters": json.dumps({**order.parameters, FIRST_TOTAL: order.total}),
            "requested_by": order.requested_by,
            "total": order.total,
            "done": 0,
            "failed": 0,
            "created_at": now,
            "leased_until": 0,
        },
    )
    if order.kind is JobKind.IMPORT:
        file = FileKey(order.parameters["file_of"], order.parameters["file"])
        staging.attach(connection, file, pool.brand_id, job_id)
    return _find(connection, pool, job_id)


def _as_begun(found: Job) -> Job:
    """Return a job as it was when it was asked for; a version before stored no first total."""
    return replace(
        found,
        total=found.parameters.get(FIRST_TOTAL, found.total),
        state=JobState.QUEUED,
        done=0,
        failed=0,
        detail=None,
        started_at=None,
        finished_at=None,
    )
