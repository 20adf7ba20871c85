"""The second phase: runs are merged, and new codes are staged."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice

from service.domain.jobs import Chunk
from service.formats.refusals import Reason, Refusal
from service.usecases.import_pipeline.reading import LINE_DIGITS, PART_ROWS
from service.usecases.import_pipeline.state import CHECK, Cursor, ImportTask, Prepared, written
from service.usecases.import_pipeline.verdict import verdict
from service.usecases.keys import FileKey
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction, Row


def merge(reader: ChunkReader, task: ImportTask, size: int) -> Prepared:
    """Merge the next entries of all runs, without duplicates."""
    parts, after = list(task.cursor.parts), task.cursor.after
    runs = (_entries(reader, task.file, run, parts, after) for run in range(len(parts)))
    taken = list(islice(heapq.merge(*runs), max(size, PART_ROWS)))
    entries, refused = [], []
    code_before = after[: -LINE_DIGITS - 1]
    for entry in taken:
        code = entry[: -LINE_DIGITS - 1]
        if code == code_before:
            refused.append(Refusal(int(entry[-LINE_DIGITS:]), Reason.TWICE_IN_FILE))
        else:
            entries.append(entry)
        code_before = code
    cursor = Cursor(CHECK, parts=parts, after=taken[-1] if taken else after)
    return Prepared(cursor, entries, refused, ended=len(taken) < max(size, PART_ROWS))


def keep_checked(tx: ChunkTransaction, task: ImportTask, prepared: Prepared) -> Chunk:
    """Stage the new codes, unless it is a dry run, and refuse the others."""
    brand_id = task.pool.brand_id
    rows = [(e[: -LINE_DIGITS - 1], int(e[-LINE_DIGITS:])) for e in prepared.entries]
    refused = list(prepared.refused)
    taken = tx.taken(brand_id, [code for code, _ in rows])
    good = _sift(rows, taken, Reason.IN_BRAND, refused)
    if not (task.job.parameters["dry_run"] or task.job.failed or refused) and good:
        others = tx.stage(brand_id, task.file, good)
        good = _sift(good, others, Reason.IN_OTHER_IMPORT, refused)
    tx.insert_refusals(task.key, refused[len(prepared.refused) :])
    chunk = Chunk(done=len(good), failed=len(refused), cursor=written(prepared.cursor))
    return verdict(task, chunk) if prepared.ended else chunk


def _entries(
    reader: ChunkReader, file: FileKey, run: int, parts: list[int], after: str
) -> Iterator[str]:
    """Yield the entries of a run from one on, and update `parts`."""
    while content := reader.run_part(file, run, parts[run]):
        for entry in content.split("\n"):
            if entry > after:
                yield entry
        parts[run] += 1


def _sift(
    rows: Sequence[Row], bad: set[str], reason: Reason, refused: list[Refusal]
) -> Sequence[Row]:
    """Return the good rows, and add the others to the refused ones."""
    if not bad:
        return rows
    refused += [Refusal(line, reason) for code, line in rows if code in bad]
    return [row for row in rows if row[0] not in bad]
