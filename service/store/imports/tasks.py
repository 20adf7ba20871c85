"""An import as its chunks see it: what was asked for, and how far it is."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from service.domain.jobs import Chunk, Job, JobState
from service.domain.model import Millis
from service.domain.wording import counted
from service.formats.code_lists import Position, PositionObject
from service.formats.refusals import Refusal
from service.store.jobs.state import STATE_VERSION
from service.store.tables import import_refusal, job
from service.usecases.keys import FileKey, Pool

READ, CHECK, STORE = "read", "check", "store"


@dataclass(slots=True)
class Cursor:
    """How far an import is."""

    phase: str = READ
    block: int = 0
    """The next block to read."""
    position: PositionObject = field(default_factory=lambda: Position().as_object())
    parts: list[int] = field(default_factory=list)
    """For each run, the part where merging goes on."""
    rows: int = 0
    """How many codes of a legal form there are so far."""
    after: str = ""
    """The last entry merged, or the last code stored."""


class Task(NamedTuple):
    """An import, as its chunks need it."""

    pool: Pool
    job: Job
    file: FileKey
    cursor: Cursor
    now: Millis


def task_of(pool: Pool, found: Job, cursor: str | None, now: Millis) -> Task:
    """Read what is written about an import."""
    file = FileKey(found.parameters["file_of"], found.parameters["file"])
    return Task(pool, found, file, read(cursor) if cursor else Cursor(), now)


def is_storing(connection: Connection, pool: Pool, job_id: str) -> bool:
    """Say whether an import has come so far that it ends well, sooner or later.

    Of what only a newer version can read, nobody here knows better.
    """
    statement = select(job.c.cursor, job.c.state_version).where(
        job.c.brand_id == pool.brand_id, job.c.id == job_id
    )
    cursor, version = connection.execute(statement).one()
    if version > STATE_VERSION:
        return True
    return cursor is not None and json.loads(cursor).get("phase") == STORE


def note(connection: Connection, task: Task, refused: Sequence[Refusal]) -> None:
    """Keep lines for the report."""
    of_job = {"brand_id": task.pool.brand_id, "job_id": task.job.id}
    rows = [{**of_job, "line": line, "reason": reason} for line, reason in refused]
    if rows:
        connection.execute(insert(import_refusal), rows)


def verdict(task: Task, last: Chunk) -> Chunk:
    """Say what follows when every row has been checked."""
    done, failed = task.job.done + last.done, task.job.failed + last.failed
    good = counted(done, "row is", "rows are")
    found = f"{good} good, {counted(failed, 'was', 'were')} refused."
    if task.job.parameters["dry_run"]:
        ends, detail = JobState.SUCCEEDED, f"{found} Nothing was stored: it was a dry run."
    elif failed:
        ends, detail = JobState.FAILED, f"{found} Nothing was stored; see the report."
    else:
        return Chunk(last.done, last.failed, None, written(Cursor(STORE)), found)
    return Chunk(last.done, last.failed, ends, last.cursor, detail)


def read(cursor: str) -> Cursor:
    """Read what `written` wrote, or a later version of it; what is not known may be ignored."""
    known = {field.name for field in fields(Cursor)}
    return Cursor(**{name: value for name, value in json.loads(cursor).items() if name in known})


def written(cursor: Cursor) -> str:
    """Write a cursor for the job's row."""
    return json.dumps(asdict(cursor))
