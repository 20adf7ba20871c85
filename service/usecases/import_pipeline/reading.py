"""The first phase: blocks become sorted runs of codes."""

from service.domain.jobs import Chunk
from service.formats.code_lists import Position, read_rows
from service.formats.list_form import ListForm
from service.formats.refusals import Refusal
from service.usecases.import_pipeline.state import (
    CHECK,
    READ,
    Cursor,
    ImportTask,
    Prepared,
    written,
)
from service.usecases.import_pipeline.verdict import lines_read, unreadable
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction

RUN_ROWS = 100_000
"""Codes in a run, which is sorted in memory; a hundred runs suffice for the longest list."""
PART_ROWS = 1000
"""Codes in a part of a run; a part of each run is in memory during a merge."""
REFUSED_AT_ONCE = 10_000
LINE_DIGITS = 8
"""An entry of a run is a code, a space, and its line in so many digits."""


def read_run(reader: ChunkReader, task: ImportTask) -> Prepared:
    """Return the next run, sorted."""
    form = ListForm(task.job.parameters["form"])
    position = Position.from_object(task.cursor.position, task.cursor.after or None)
    entries: list[str] = []
    refused: list[Refusal] = []
    number, fault, last = task.cursor.block, None, False
    while not last and len(entries) < RUN_ROWS and len(refused) < REFUSED_AT_ONCE:
        content = reader.block(task.file, number)
        last = content is None
        rows = read_rows(form, position, content or b"", last=last)
        fault = rows.fault
        last = last or fault is not None
        entries += [f"{code} {line:0{LINE_DIGITS}}" for code, line in rows.good]
        refused += rows.refused
        number += 1
    entries.sort()
    rows_so_far = task.cursor.rows + len(entries)
    parts, name = task.cursor.parts, position.name or ""
    cursor = Cursor(READ, number, position.as_object(), parts, rows_so_far, after=name)
    return Prepared(cursor, entries, refused, last, fault)


def keep_run(tx: ChunkTransaction, task: ImportTask, prepared: Prepared) -> Chunk:
    """Store a run, and delete its blocks."""
    cursor, entries = prepared.cursor, prepared.entries
    failed = len(prepared.refused)
    if prepared.fault:
        tx.insert_refusals(task.key, [prepared.fault])
        return unreadable(prepared.fault, failed)
    if entries:
        starts = range(0, len(entries), PART_ROWS)
        parts = ["\n".join(entries[at : at + PART_ROWS]) for at in starts]
        tx.insert_run(task.file, len(cursor.parts), parts)
        cursor.parts.append(0)
    tx.drop_blocks(task.file, cursor.block)
    detail = lines_read(cursor.position["line"] - 1)
    if not prepared.ended:
        return Chunk(failed=failed, cursor=written(cursor), detail=detail)
    tx.set_total(task.key, task.job.failed + failed + cursor.rows)
    return Chunk(failed=failed, cursor=written(Cursor(CHECK, parts=cursor.parts)), detail=detail)
