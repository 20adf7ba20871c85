"""The reads and writes of a job's chunk, on the worker's connections."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

from sqlalchemy import Connection, bindparam, insert, select, update

from service.domain import codes
from service.domain.code_selection import FoundForSwitch, Selection
from service.domain.model import Millis, State
from service.formats.refusals import Refusal
from service.store.dialect import dialect_of
from service.store.imports import staged_codes, staging
from service.store.jobs import switching
from service.store.repositories.campaign_rules import find_rules
from service.store.tables import import_refusal, import_run, job
from service.usecases.keys import FileKey, JobKey, PoolKey
from service.usecases.ports.chunk import Part, Row

_PART = select(import_run.c.content).where(
    import_run.c.brand_id == bindparam("brand_id"),
    import_run.c.file == bindparam("id"),
    import_run.c.run == bindparam("of_run"),
    import_run.c.part == bindparam("of_part"),
)


class SQLChunkReader:
    """Implements `service.usecases.ports.chunk.ChunkReader`, which documents the methods."""

    def __init__(self, connection: Connection) -> None:
        """Read from a connection with a snapshot."""
        self._connection = connection
        self.single_writer = dialect_of(connection).single_writer

    def block(self, file: FileKey, number: int) -> bytes | None:
        return staging.block(self._connection, file, number)

    def run_part(self, file: FileKey, run: int, part: int) -> str | None:
        values = {**file._asdict(), "of_run": run, "of_part": part}
        content: str | None = self._connection.execute(_PART, values).scalar_one_or_none()
        return content

    def next_staged(self, brand_id: int, file: FileKey, after: str, limit: int) -> Sequence[str]:
        return staged_codes.next_staged(self._connection, brand_id, file, after, limit)


class SQLChunkTransaction:
    """Implements `service.usecases.ports.chunk.ChunkTransaction`, which documents the methods."""

    def __init__(self, connection: Connection, now: Millis) -> None:
        """Act on a connection in a transaction."""
        self._connection = connection
        self._dialect = dialect_of(connection)
        self.single_writer = self._dialect.single_writer
        self.now = now

    def savepoint(self) -> AbstractContextManager[object]:
        return self._connection.begin_nested()

    def mint_part(self, pool: PoolKey, part: Part, count: int) -> Sequence[str]:
        form = find_rules(self._connection, pool).code_format
        mint = form.mint if form else partial(codes.mint_part, part.at, part.total)
        return staged_codes.excluding(self._connection, pool.brand_id, mint)(count)

    def load_codes(self, pool: PoolKey, part: Part, codes: Sequence[str], *, shuffle: bool) -> int:
        load = self._dialect.load_codes
        return load(self._connection, pool, part, codes, self.now, shuffle=shuffle)

    def adjust_counts(self, pool: PoolKey, changes: Mapping[State, int]) -> None:
        self._dialect.adjust_counts(self._connection, pool, changes, self.now)

    def codes_after(self, pool: PoolKey, after: str, limit: int) -> Sequence[str]:
        return switching.codes_after(self._connection, pool, after, limit)

    def lock_codes(
        self, pool: PoolKey, codes: Sequence[str], selection: Selection | None
    ) -> Sequence[FoundForSwitch]:
        return switching.lock_codes(self._connection, pool, codes, selection, self.now)

    def switch_codes(self, pool: PoolKey, codes: Sequence[str], *, disabled: bool) -> None:
        switching.switch_codes(self._connection, pool, codes, self.now, disabled=disabled)

    def set_total(self, key: JobKey, total: int) -> None:
        self._connection.execute(
            update(job)
            .where(job.c.brand_id == key.brand_id, job.c.id == key.id)
            .values(total=total)
        )

    def insert_run(self, file: FileKey, run: int, parts: Sequence[str]) -> None:
        of_run = {"brand_id": file.brand_id, "file": file.id, "run": run}
        rows = [{**of_run, "part": part, "content": text} for part, text in enumerate(parts)]
        self._connection.execute(insert(import_run), rows)

    def drop_blocks(self, file: FileKey, end: int) -> None:
        staging.drop_blocks(self._connection, file, end)

    def insert_refusals(self, key: JobKey, refused: Sequence[Refusal]) -> None:
        of_job = {"brand_id": key.brand_id, "job_id": key.id}
        rows = [{**of_job, "line": line, "reason": reason} for line, reason in refused]
        if rows:
            self._connection.execute(insert(import_refusal), rows)

    def taken(self, brand_id: int, codes: Sequence[str]) -> set[str]:
        return staged_codes.taken(self._connection, brand_id, codes)

    def stage(self, brand_id: int, file: FileKey, rows: Sequence[Row]) -> set[str]:
        return staged_codes.stage(self._connection, brand_id, file, rows)

    def next_staged(self, brand_id: int, file: FileKey, after: str, limit: int) -> Sequence[str]:
        return staged_codes.next_staged(self._connection, brand_id, file, after, limit)

    def drop_staged(self, brand_id: int, file: FileKey, codes: Sequence[str]) -> None:
        staging.drop_rows(self._connection, brand_id, file, codes)

    def clashes(self, brand_id: int, file: FileKey) -> Sequence[Row]:
        return staged_codes.clashes(self._connection, brand_id, file)
