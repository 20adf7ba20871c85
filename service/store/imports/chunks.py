"""What an import does in a chunk: it reads, checks, and stores, one after the other.

1. *read*: blocks of the file become runs of codes, each sorted; bad rows are noted.
2. *check*: the runs are merged, so that the codes come in their order, whatever order the file
   had: a code that comes twice comes twice in a row, and the brand's index is walked, not
   jumped about in. Good codes are staged.
3. *store*: if no row was refused, the staged codes become the brand's.

docs/adr/0008-imports-are-checked-first.md says why, and what "all or nothing" rests on.
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from service.domain.jobs import Chunk, JobState
from service.domain.wording import counted
from service.formats.code_lists import Position, read_rows
from service.formats.list_form import ListForm
from service.formats.refusals import Reason, Refusal
from service.store.dialect import dialect_of
from service.store.imports import staged_codes, staging
from service.store.imports.storing import store_all, store_some
from service.store.imports.tasks import CHECK, READ, Cursor, Task, note, verdict, written
from service.store.tables import import_run, job
from service.usecases.keys import FileKey

RUN_ROWS = 100_000
"""Codes in a run, and so in memory while it is sorted; a hundred runs hold what may be imported."""
PART_ROWS = 1000
"""Codes in a part of a run; while runs are merged, a part of each is in memory."""
REFUSED_AT_ONCE = 10_000
_LINE_DIGITS = 8


class Prepared(NamedTuple):
    """What was worked out before the transaction, so that no writer waits for it."""

    cursor: Cursor
    entries: Sequence[str]
    """A sorted run, each a code and its line; or the good codes of a merge."""
    refused: Sequence[Refusal]
    ended: bool
    """Whether the phase ends with it."""
    fault: Refusal | None = None
    """Why the rest of the file cannot be read."""


def prepare(connection: Connection, task: Task, size: int) -> Prepared | None:
    """Read and work out what a chunk is to write."""
    if task.cursor.phase == READ:
        return _read(connection, task)
    return _merge(connection, task, size) if task.cursor.phase == CHECK else None


def do_chunk(connection: Connection, task: Task, prepared: Prepared | None, size: int) -> Chunk:
    """Write it."""
    if prepared is None:
        if dialect_of(connection).single_writer:
            return store_some(connection, task, size)
        return store_all(connection, task)
    note(connection, task, prepared.refused)
    if task.cursor.phase == READ:
        return _keep_run(connection, task, prepared)
    return _keep_checked(connection, task, prepared)


def _read(connection: Connection, task: Task) -> Prepared:
    form, position = (
        ListForm(task.job.parameters["form"]),
        Position.from_object(task.cursor.position),
    )
    entries: list[str] = []
    refused: list[Refusal] = []
    number, fault, last = task.cursor.block, None, False
    while not last and len(entries) < RUN_ROWS and len(refused) < REFUSED_AT_ONCE:
        content = staging.block(connection, task.file, number)
        last = content is None
        rows = read_rows(form, position, content or b"", last=last)
        fault = rows.fault
        last = last or fault is not None
        entries += [f"{code} {line:0{_LINE_DIGITS}}" for code, line in rows.good]
        refused += rows.refused
        number += 1
    entries.sort()
    rows_so_far = task.cursor.rows + len(entries)
    cursor = Cursor(READ, number, position.as_object(), task.cursor.parts, rows_so_far)
    return Prepared(cursor, entries, refused, last, fault)


def _keep_run(connection: Connection, task: Task, prepared: Prepared) -> Chunk:
    cursor, entries = prepared.cursor, prepared.entries
    failed = len(prepared.refused)
    if prepared.fault:
        note(connection, task, [prepared.fault])
        why = Reason.text_of(prepared.fault.reason)
        detail = f"Line {prepared.fault.line}: {why} Nothing was stored."
        return Chunk(failed=failed + 1, ends=JobState.FAILED, detail=detail)
    if entries:
        parts = [
            {
                **_of_file(task),
                "run": len(cursor.parts),
                "part": at // PART_ROWS,
                "content": "\n".join(entries[at : at + PART_ROWS]),
            }
            for at in range(0, len(entries), PART_ROWS)
        ]
        connection.execute(insert(import_run), parts)
        cursor.parts.append(0)
    staging.drop_blocks(connection, task.file, cursor.block)
    lines = cursor.position["line"] - 1
    read = counted(lines, "line was read, and is", "lines were read, and are")
    detail = f"{read} to be checked."
    if not prepared.ended:
        return Chunk(failed=failed, cursor=written(cursor), detail=detail)
    _change_total(connection, task, task.job.failed + failed + cursor.rows)
    return Chunk(failed=failed, cursor=written(Cursor(CHECK, parts=cursor.parts)), detail=detail)


def _merge(connection: Connection, task: Task, size: int) -> Prepared:
    """Take the next entries of all runs in their order, and sort out what comes twice."""
    parts, after = list(task.cursor.parts), task.cursor.after
    runs = (_entries(connection, task.file, run, parts, after) for run in range(len(parts)))
    taken = list(islice(heapq.merge(*runs), max(size, PART_ROWS)))
    entries, refused = [], []
    code_before = after[: -_LINE_DIGITS - 1]
    for entry in taken:
        code = entry[: -_LINE_DIGITS - 1]
        if code == code_before:
            refused.append(Refusal(int(entry[-_LINE_DIGITS:]), Reason.TWICE_IN_FILE))
        else:
            entries.append(entry)
        code_before = code
    cursor = Cursor(CHECK, parts=parts, after=taken[-1] if taken else after)
    return Prepared(cursor, entries, refused, ended=len(taken) < max(size, PART_ROWS))


def _entries(
    connection: Connection, file: FileKey, run: int, parts: list[int], after: str
) -> Iterator[str]:
    """Read a run on from an entry, and keep in `parts` where that is."""
    while content := connection.execute(
        _PART, {**file._asdict(), "of_run": run, "of_part": parts[run]}
    ).scalar_one_or_none():
        for entry in content.split("\n"):
            if entry > after:
                yield entry
        parts[run] += 1


def _keep_checked(connection: Connection, task: Task, prepared: Prepared) -> Chunk:
    rows = [(e[: -_LINE_DIGITS - 1], int(e[-_LINE_DIGITS:])) for e in prepared.entries]
    refused = list(prepared.refused)
    taken = staged_codes.taken(connection, task.pool.brand_id, [code for code, _ in rows])
    good = _sift(rows, taken, Reason.IN_BRAND, refused)
    if not (task.job.parameters["dry_run"] or task.job.failed or refused) and good:
        others = staged_codes.stage(connection, task.pool.brand_id, task.file, good)
        good = _sift(good, others, Reason.IN_OTHER_IMPORT, refused)
    note(connection, task, refused[len(prepared.refused) :])
    chunk = Chunk(done=len(good), failed=len(refused), cursor=written(prepared.cursor))
    return verdict(task, chunk) if prepared.ended else chunk


def _sift(
    rows: Sequence[staged_codes.Row], bad: set[str], reason: Reason, refused: list[Refusal]
) -> Sequence[staged_codes.Row]:
    """Return the rows that are not bad, and add the others to the refused."""
    if not bad:
        return rows
    refused += [Refusal(line, reason) for code, line in rows if code in bad]
    return [row for row in rows if row[0] not in bad]


def _change_total(connection: Connection, task: Task, total: int) -> None:
    """Say how many rows there are, now that the lines have been read."""
    connection.execute(
        update(job)
        .where(job.c.brand_id == task.pool.brand_id, job.c.id == task.job.id)
        .values(total=total)
    )


def _of_file(task: Task) -> dict[str, Any]:
    return {"brand_id": task.file.brand_id, "file": task.file.id}


_PART = select(import_run.c.content).where(
    import_run.c.brand_id == bindparam("brand_id"),
    import_run.c.file == bindparam("id"),
    import_run.c.run == bindparam("of_run"),
    import_run.c.part == bindparam("of_part"),
)
