"""The verdict on a list, with the sentences for its caller."""

from service.domain.jobs import Chunk, JobState
from service.domain.wording import counted
from service.formats.refusals import Reason, Refusal
from service.usecases.import_pipeline.state import STORE, Cursor, ImportTask, written


def unreadable(fault: Refusal, failed: int, result: str = "Nothing was stored.") -> Chunk:
    """End a job whose list cannot be read from one row on."""
    why = Reason.text_of(fault.reason)
    detail = f"Line {fault.line}: {why} {result}"
    return Chunk(failed=failed + 1, ends=JobState.FAILED, detail=detail)


def lines_read(lines: int) -> str:
    """Return the progress of reading."""
    read = counted(lines, "line was read, and is", "lines were read, and are")
    return f"{read} to be checked."


def verdict(task: ImportTask, last: Chunk) -> Chunk:
    """Return the result of the check of all rows."""
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


def stored(task: ImportTask, created: int) -> Chunk:
    """End an import whose last codes are stored."""
    detail = f"{counted(task.job.done, 'code was', 'codes were')} stored."
    return Chunk(ends=JobState.SUCCEEDED, detail=detail, created=created)
