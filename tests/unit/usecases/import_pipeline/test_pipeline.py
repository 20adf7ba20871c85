"""The phases of an import, with a transaction in memory."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from service.domain.jobs import Job, JobKind, JobState
from service.domain.model import State
from service.formats.refusals import Reason, Refusal
from service.usecases.import_pipeline import checking, reading, storing
from service.usecases.import_pipeline.state import CHECK, READ, STORE, read
from service.usecases.job_kinds import KINDS, PAUSED, JobProgress, do_chunk
from service.usecases.keys import PoolKey

POOL = PoolKey(1, 1)
PARAMETERS = {"form": "csv", "dry_run": False, "file": "list", "file_of": 1}


@dataclass
class Memory:
    """A list in memory, as chunks read and write it."""

    blocks: dict[int, bytes]
    single_writer: bool = True
    runs: dict[tuple[int, int], str] = field(default_factory=dict)
    staged: dict[str, int] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """Codes that another import will store."""
    codes: set[str] = field(default_factory=set)
    loaded: list[str] = field(default_factory=list)
    """The codes stored, in the order in which they are claimed where there is a single writer."""
    refused: list[Refusal] = field(default_factory=list)
    available: int = 0
    total: int = 0
    now: int = 0

    def block(self, _file, number):
        return self.blocks.get(number)

    def run_part(self, _file, run, part):
        return self.runs.get((run, part))

    @contextmanager
    def savepoint(self):
        before = set(self.codes)
        try:
            yield
        except BaseException:
            self.codes = before
            raise

    def mint_part(self, _pool, _part, _count):
        raise AssertionError

    def load_codes(self, _pool, _part, codes, *, shuffle):
        assert shuffle
        new = set(codes) - self.codes
        self.loaded += codes
        self.codes |= new
        return len(new)

    def adjust_counts(self, _pool, changes):
        self.available += changes[State.AVAILABLE]

    def set_total(self, _key, total):
        self.total = total

    def insert_run(self, _file, run, parts):
        self.runs |= {(run, part): text for part, text in enumerate(parts)}

    def drop_blocks(self, _file, end):
        self.blocks = {number: block for number, block in self.blocks.items() if number >= end}

    def insert_refusals(self, _key, refused):
        self.refused += refused

    def taken(self, _brand_id, codes):
        return self.codes & set(codes)

    def stage(self, _brand_id, _file, rows):
        others = {code for code, _ in rows if code in self.elsewhere}
        self.staged |= {code: line for code, line in rows if code not in others}
        return others

    def next_staged(self, _brand_id, _file, after, limit):
        return sorted(code for code in self.staged if code > after)[:limit]

    def drop_staged(self, _brand_id, _file, codes):
        for code in codes:
            del self.staged[code]

    def clashes(self, _brand_id, _file):
        return [(code, line) for code, line in self.staged.items() if code in self.codes]


@pytest.fixture
def begun():
    """Start an import of a list in blocks."""

    def begin(*blocks, dry_run=False, **memory):
        parameters = PARAMETERS | {"dry_run": dry_run}
        asked = (JobState.RUNNING, 99, 0, 0, "me", parameters, None, 0, 0, None)
        return Import(Memory(dict(enumerate(blocks)), **memory), Job("job", JobKind.IMPORT, *asked))

    return begin


@dataclass
class Import:
    """An import, whose progress is stored as by the store."""

    memory: Any
    job: Job
    cursor: str | None = None

    def step(self, size=10):
        """Do a chunk, and return the next phase; `None` after the last."""
        progress = JobProgress(POOL, self.job, self.cursor)
        prepare = KINDS[self.job.kind].prepare
        assert prepare
        chunk = do_chunk(self.memory, progress, prepare(self.memory, progress, size), size)
        job = self.job
        done, failed = job.done + chunk.done, job.failed + chunk.failed
        self.job = replace(job, done=done, failed=failed, detail=chunk.detail)
        self.cursor = chunk.cursor
        if chunk.ends:
            self.job = replace(self.job, state=chunk.ends)
            return None
        return read(self.cursor or "").phase

    def finish(self):
        """Do the remaining chunks, and return the result."""
        phases = []
        while phase := self.step():
            phases.append(phase)
        return self.job.state, self.job.detail


def test_a_good_list_is_read_checked_and_stored(begun):
    its = begun(b"code\nBB", b"BB\nAAAA\n")
    assert [CHECK, STORE, None] == [its.step(), its.step(), its.step()]
    assert (JobState.SUCCEEDED, "2 codes were stored.") == (its.job.state, its.job.detail)
    assert ({"AAAA", "BBBB"}, 2, 2) == (its.memory.codes, its.memory.available, its.memory.total)


def test_runs_are_merged_in_the_order_of_codes(begun, monkeypatch):
    monkeypatch.setattr(reading, "RUN_ROWS", 1)
    monkeypatch.setattr(reading, "PART_ROWS", 1)
    monkeypatch.setattr(checking, "PART_ROWS", 1)
    its = begun(b"code\nCCCC\nBBBB\n", b"AAAA\nCCCC\n")
    assert [READ, READ, CHECK] == [its.step(), its.step(), its.step()]
    assert (
        JobState.FAILED,
        "3 rows are good, 1 was refused. Nothing was stored; see the report.",
    ) == (its.finish())
    assert [Refusal(5, Reason.TWICE_IN_FILE)] == its.memory.refused
    assert set() == its.memory.codes


@pytest.mark.parametrize(
    ("memory", "reason"),
    [({"codes": {"AAAA"}}, Reason.IN_BRAND), ({"elsewhere": {"AAAA"}}, Reason.IN_OTHER_IMPORT)],
)
def test_one_code_that_somebody_has_refuses_all(begun, memory, reason):
    its = begun(b"code\nAAAA\nBBBB\n", **memory)
    state, detail = its.finish()
    assert (JobState.FAILED, 0) == (state, its.memory.available)
    assert detail == "1 row is good, 1 was refused. Nothing was stored; see the report."
    assert [Refusal(2, reason)] == its.memory.refused


def test_a_dry_run_stages_and_stores_nothing(begun):
    its = begun(b"AAAA\n", dry_run=True)
    assert (
        JobState.SUCCEEDED,
        "1 row is good, 0 were refused. Nothing was stored: it was a dry run.",
    ) == its.finish()
    assert ({}, set()) == (its.memory.staged, its.memory.codes)


def test_a_list_that_cannot_be_read_ends_with_the_line(begun):
    its = begun(b"AAAA;BBBB\n")
    state, detail = its.finish()
    assert JobState.FAILED == state
    assert detail == f"Line 1: {Reason.SEMICOLONS.text} Nothing was stored."
    assert [Refusal(1, Reason.SEMICOLONS)] == its.memory.refused


@pytest.fixture
def storing_list(begun, monkeypatch):
    """Begin to store a list of sequential codes, in windows of 100 codes and chunks of 10."""
    monkeypatch.setattr(storing, "STORED_AT_LEAST", 10)
    monkeypatch.setattr(storing, "WINDOW", 100)

    def begin(count):
        its = begun("".join(f"CODE-{number:04}\n" for number in range(count)).encode())
        its.step()
        assert STORE == its.step(size=count + 1)
        return its

    return begin


@pytest.mark.parametrize("count", [1, 95, 100, 101, 250])
def test_where_one_writes_codes_are_stored_in_chunks(storing_list, count):
    its = storing_list(count)
    if count > 10:
        assert STORE == its.step()
        assert 10 == len(its.memory.codes) == its.memory.available
    assert JobState.SUCCEEDED == its.finish()[0]
    assert count == its.memory.available == len(its.memory.loaded)
    assert {f"CODE-{number:04}" for number in range(count)} == its.memory.codes


def test_chunks_are_no_ranges_of_a_list(storing_list):
    """Else the codes that users got before and after somebody bound that person's code."""
    its = storing_list(100)
    assert STORE == its.step()
    first = sorted(int(code[-4:]) for code in its.memory.loaded)
    assert 40 < first[-1] - first[0], "ten of a hundred, together by chance once in 10^5 times"
    its.finish()
    assert its.memory.loaded != sorted(its.memory.loaded)


def test_what_is_stored_is_staged_no_more_so_that_any_worker_may_continue(storing_list):
    its = storing_list(95)
    its.step()
    assert {10, 95} == {len(its.memory.loaded), len({*its.memory.loaded, *its.memory.staged})}
    assert 85 == len(its.memory.staged)
    assert "" == read(its.cursor).after
    assert None is its.step(size=85)
    assert sorted(its.memory.loaded) == sorted(its.memory.codes)


def test_where_many_write_a_code_made_meanwhile_refuses_all(begun):
    its = begun(b"AAAA\nBBBB\n", single_writer=False)
    assert [CHECK, STORE] == [its.step(), its.step()]
    its.memory.codes.add("BBBB")
    assert JobState.FAILED == its.finish()[0]
    assert ({"BBBB"}, 0, 1) == (its.memory.codes, its.memory.available, its.job.done)
    assert [Refusal(2, Reason.IN_BRAND)] == its.memory.refused


def test_a_job_that_continues_is_not_shown_as_paused(begun):
    its = begun(b"AAAA\n")
    its.job = replace(its.job, detail=PAUSED)
    its.step()
    assert "1 line was read, and is to be checked." == its.job.detail


def test_a_header_that_comes_again_is_refused_however_far_behind(begun, monkeypatch):
    monkeypatch.setattr(reading, "RUN_ROWS", 1)
    its = begun(b"code\nAAAA\n", b"BBBB\n", b"code\nCCCC\n")
    assert JobState.FAILED == its.finish()[0]
    assert [Refusal(4, Reason.HEADER_AGAIN)] == its.memory.refused
