"""Jobs that disable or enable codes: those of a selection, or those of a list.

A chunk finds codes, locks them, and changes those that are to be changed, so that nobody moves one
in between; what it has done is stored in the same transaction. A repetition changes nothing that is
already as wanted.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from service.domain.code_selection import FoundForSwitch, Selection
from service.domain.jobs import Chunk, Job, JobKind, JobState
from service.domain.model import State
from service.domain.wording import counted
from service.formats.refusals import Reason, Refusal
from service.usecases.import_pipeline.checking import merge
from service.usecases.import_pipeline.reading import LINE_DIGITS, keep_run, read_run
from service.usecases.import_pipeline.state import READ, ImportTask, Prepared, task_of, written
from service.usecases.import_pipeline.verdict import unreadable
from service.usecases.keys import JobKey, PoolKey
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction

SWITCHES: Mapping[str, bool] = {JobKind.DISABLE: True, JobKind.ENABLE: False}
"""Whether each kind of these jobs leaves codes disabled."""
WHERE, DRY_RUN = "where", "dry_run"
"""Parameters of a job: its selection, if it has no list, and whether it changes nothing."""


@dataclass(frozen=True, slots=True)
class ScanCursor:
    """The progress of a scan of a campaign's codes."""

    after: str = ""
    """The last code that was looked at."""
    single_writer: bool = False
    """Whether codes come in the order of an engine with a single writer; another engine, to which
    the database was copied meanwhile, begins anew."""


def prepare(
    reader: ChunkReader, pool: PoolKey, job: Job, cursor: str | None, size: int
) -> Prepared | None:
    """Prepare what the chunk of a list needs."""
    if WHERE in job.parameters:
        return None
    task = task_of(pool, job, cursor)
    return read_run(reader, task) if task.cursor.phase == READ else merge(reader, task, size)


def do_chunk(
    tx: ChunkTransaction,
    pool: PoolKey,
    job: Job,
    cursor: str | None,
    prepared: Prepared | None,
    size: int,
) -> Chunk:
    """Do a chunk of a selection or of a list."""
    if prepared is None:
        return _do_selection(tx, pool, job, cursor, size)
    task = task_of(pool, job, cursor)
    tx.insert_refusals(task.key, prepared.refused)
    if task.cursor.phase != READ:
        return _do_list(tx, task, prepared)
    if prepared.fault:
        keep_run(tx, task, prepared)
        return unreadable(prepared.fault, len(prepared.refused), "Nothing was changed.")
    return keep_run(tx, task, prepared)


def _do_selection(
    tx: ChunkTransaction, pool: PoolKey, job: Job, cursor: str | None, size: int
) -> Chunk:
    """Look at the next codes of the campaign, and change those of the selection."""
    scan = _scan_of(cursor)
    after = scan.after if scan.single_writer is tx.single_writer else ""
    codes = tx.codes_after(pool, after, size)
    found = tx.lock_codes(pool, codes, Selection.from_object(job.parameters[WHERE]))
    done = job.done + len(changed := _switch(tx, pool, job, found))
    ended = len(codes) < size
    if ended or done > job.total:  # which counted all codes when the job was requested
        tx.set_total(JobKey(pool.brand_id, job.id), done)
    last = ScanCursor(codes[-1] if codes else after, tx.single_writer)
    return Chunk(
        done=len(changed),
        cursor=json.dumps(asdict(last)),
        ends=JobState.SUCCEEDED if ended else None,
        detail=_result(job, done, 0) if ended else None,
        scanned=len(codes),
    )


def _do_list(tx: ChunkTransaction, task: ImportTask, prepared: Prepared) -> Chunk:
    """Change the next codes of a list, and refuse those that cannot be as wanted."""
    job, pool = task.job, task.pool
    lines = {e[: -LINE_DIGITS - 1]: int(e[-LINE_DIGITS:]) for e in prepared.entries}
    found = tx.lock_codes(pool, list(lines), None)
    refused = list(_refusals(found, lines, disabled=SWITCHES[job.kind]))
    _switch(tx, pool, job, found)
    tx.insert_refusals(task.key, refused)
    failed, good = len(prepared.refused) + len(refused), len(lines) - len(refused)
    return Chunk(
        done=good,
        failed=failed,
        cursor=written(prepared.cursor),
        ends=JobState.SUCCEEDED if prepared.ended else None,
        detail=_result(job, job.done + good, job.failed + failed) if prepared.ended else None,
    )


def _switch(
    tx: ChunkTransaction, pool: PoolKey, job: Job, found: Iterable[FoundForSwitch]
) -> Sequence[str]:
    """Change those of the locked codes that are not as wanted, and return them."""
    disabled = SWITCHES[job.kind]
    changes: Counter[State] = Counter()
    codes = []
    for each in found:
        after = each.state_after(disabled=disabled)
        if after is not None:
            codes.append(each.code)
            changes[each.stored] -= 1
            changes[after] += 1
    if codes and not job.parameters[DRY_RUN]:
        tx.switch_codes(pool, codes, disabled=disabled)
        tx.adjust_counts(pool, {state: count for state, count in changes.items() if count})
    return codes


def _refusals(
    found: Iterable[FoundForSwitch], lines: Mapping[str, int], *, disabled: bool
) -> Iterator[Refusal]:
    """Yield the lines whose codes cannot be as wanted."""
    missing = dict(lines)
    for each in found:
        line = missing.pop(each.code)
        if each.stored is State.REDEEMED:
            yield Refusal(line, Reason.REDEEMED)
        elif not disabled and each.is_final:
            yield Refusal(line, Reason.RETIRED)
    for line in missing.values():
        yield Refusal(line, Reason.UNKNOWN)


def _scan_of(cursor: str | None) -> ScanCursor:
    """Return the cursor of a scan; unknown members of later versions are ignored."""
    known = {field.name for field in fields(ScanCursor)}
    found = json.loads(cursor or "{}")
    return ScanCursor(**{name: value for name, value in found.items() if name in known})


def _result(job: Job, done: int, failed: int) -> str:
    """Return the sentence about a job that has ended."""
    what = "disabled" if SWITCHES[job.kind] else "enabled"
    dry_run = job.parameters[DRY_RUN]
    now = ("would be", "would be") if dry_run else ("is", "are")
    refused = f", {counted(failed, 'line was', 'lines were')} refused" if failed else ""
    nothing = " Nothing was changed: it was a dry run." if dry_run else ""
    return f"{counted(done, f'code {now[0]}', f'codes {now[1]}')} {what}{refused}.{nothing}"
