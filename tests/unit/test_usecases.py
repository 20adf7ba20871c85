"""The rules of creating codes and of jobs, over a transaction that is nothing but memory."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CodeSpaceExhausted,
    Conflict,
    InsufficientStorage,
    TooManyJobs,
    Unavailable,
)
from service.domain.jobs import MAX_OPEN, Job, JobKind, JobRequest, JobState
from service.domain.model import Idempotency, State
from service.usecases.codes import MAX_ROUNDS, create_codes
from service.usecases.idempotency import KEPT_MS
from service.usecases.import_pipeline.state import STORE, Cursor, written
from service.usecases.job_kinds import STATE_VERSION
from service.usecases.jobs import add_job, cancel_job, generate_codes
from service.usecases.keys import FileKey, JobKey, PoolKey
from service.usecases.ports.transaction import JobCursor, StoredAnswer

NOW = 1_000_000_000
KEY = Idempotency(b"key", b"content")
POOL = ("brand", "default")


@dataclass
class Memory:
    """A store whose transactions are calls; what raises in one is not undone."""

    now: int = NOW
    supply: list[str] = field(default_factory=list)
    """What is minted, from its beginning on; behind its end, always the same code."""
    full: bool = False
    storing: bool = False
    version: int = STATE_VERSION
    pools: dict[tuple[str, str], PoolKey] = field(default_factory=dict)
    codes: dict[PoolKey, set[str]] = field(default_factory=dict)
    counts: Counter[State] = field(default_factory=Counter)
    answers: dict[bytes, StoredAnswer] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    files: dict[FileKey, JobKey] = field(default_factory=dict)
    grew: list[bool] = field(default_factory=list)

    def write(self, work, now, *, grows=False):
        self.now = now
        self.grew.append(grows)
        return work(self)

    def require_space(self):
        if self.full:
            raise InsufficientStorage

    def replay(self, key):
        return self.answers.get(key)

    def forget(self, key):
        del self.answers[key]

    def remember(self, _pool, idempotency, _kind, names):
        self.answers[idempotency.key] = StoredAnswer(idempotency.fingerprint, names, self.now)

    def campaign(self, brand, campaign):
        if (brand, campaign) in self.pools:
            return self.pools[brand, campaign]
        raise CampaignNotFound if any(brand == there for there, _ in self.pools) else BrandNotFound

    def make_campaign(self, brand, campaign):
        return self.pools.setdefault((brand, campaign), PoolKey(1, len(self.pools) + 1))

    def mint(self, _pool, count):
        made, self.supply = self.supply[:count], self.supply[count:]
        return made or ["AAAA"] * count

    def insert_codes(self, pool, codes):
        there = self.codes.setdefault(pool, set())
        new = [code for code in dict.fromkeys(codes) if code not in there]
        there.update(new)
        return new

    def adjust_counts(self, _pool, changes):
        self.counts.update(changes)

    def open_jobs(self, _brand_id):
        return sum(job.finished_at is None for job in self.jobs.values())

    def insert_job(self, _pool, request):
        id_ = f"job-{len(self.jobs)}"
        state, parameters = JobState.QUEUED, request.parameters
        asked = (request.kind, state, request.total, 0, 0, request.requested_by, parameters)
        self.jobs[id_] = Job(id_, *asked, None, self.now, None, None)
        return self.jobs[id_]

    def attach_file(self, file, job):
        self.files[file] = job

    def job(self, _pool, job_id, *, lock=False):
        return self.jobs[job_id]

    def job_cursor(self, _pool, _job_id):
        return JobCursor(self.version, written(Cursor(STORE)) if self.storing else None)

    def end_job(self, key, state, detail):
        ended = {"state": state, "detail": detail, "finished_at": self.now}
        self.jobs[key.id] = replace(self.jobs[key.id], **ended)


@pytest.fixture
def memory():
    return Memory()


def create(memory, count=1, idempotency=None, now=NOW, pool=POOL):
    return create_codes(memory, pool[0], pool[1], count, idempotency=idempotency, clock=lambda: now)


def ask(memory, idempotency=None, kind=JobKind.GENERATE, **parameters):
    request = JobRequest(kind, 100, "me", parameters)
    return add_job(memory, *POOL, request, idempotency=idempotency, clock=lambda: NOW)


class TestCreating:
    def test_only_default_is_made(self, memory):
        with pytest.raises(BrandNotFound):
            create(memory, pool=("brand", "summer"))
        create(memory)
        with pytest.raises(CampaignNotFound):
            create(memory, pool=("brand", "summer"))

    def test_collisions_are_topped_up_and_only_new_codes_are_counted(self, memory):
        memory.supply = ["AAAA", "BBBB", "AAAA", "BBBB", "CCCC", "DDDD"]
        create(memory, 2)
        assert (["CCCC", "DDDD"], True) == create(memory, 2)
        assert {State.AVAILABLE: 4} == memory.counts

    def test_a_space_of_codes_that_is_full_ends_the_call_uncounted(self, memory):
        create(memory)
        rounds = []

        def insert_none(_pool, codes):
            rounds.extend(codes)
            return []

        memory.insert_codes = insert_none
        with pytest.raises(CodeSpaceExhausted):
            create(memory)
        assert (MAX_ROUNDS, {State.AVAILABLE: 1}) == (len(rounds), memory.counts)

    def test_a_repeated_request_has_the_same_answer(self, memory):
        memory.supply = ["AAAA", "BBBB"]
        assert (["AAAA"], True) == create(memory, idempotency=KEY)
        assert (["AAAA"], False) == create(memory, idempotency=KEY, now=NOW + KEPT_MS - 1)
        assert {State.AVAILABLE: 1} == memory.counts

    def test_a_repeated_request_needs_no_space(self, memory):
        create(memory, idempotency=KEY)
        memory.full = True
        assert not create(memory, idempotency=KEY)[1]
        with pytest.raises(InsufficientStorage):
            create(memory)

    def test_a_key_that_is_too_old_is_new_again(self, memory):
        memory.supply = ["AAAA", "BBBB"]
        create(memory, idempotency=KEY)
        assert (["BBBB"], True) == create(memory, idempotency=KEY, now=NOW + KEPT_MS)

    def test_a_key_of_another_content_is_refused(self, memory):
        create(memory, idempotency=KEY)
        with pytest.raises(Conflict):
            create(memory, idempotency=replace(KEY, fingerprint=b"other"))

    def test_it_says_that_the_database_grows(self, memory):
        create(memory)
        assert [True] == memory.grew


class TestJobs:
    def test_a_brand_has_a_limit_of_open_jobs(self, memory):
        for _ in range(MAX_OPEN):
            generate_codes(memory, *POOL, 5, requested_by="me")
        with pytest.raises(TooManyJobs):
            ask(memory)
        cancel_job(memory, *POOL, "job-0")
        assert ask(memory)[2]

    def test_a_repeated_request_has_the_job_as_it_began(self, memory):
        key, first, new = ask(memory, idempotency=KEY)
        memory.jobs[key.id] = replace(first, state=JobState.RUNNING, total=90, done=50)
        assert (True, (key, first, False)) == (new, ask(memory, idempotency=KEY))

    def test_an_import_keeps_its_file(self, memory):
        key, _, _ = ask(memory, kind=JobKind.IMPORT, file="f", file_of=7)
        assert {FileKey(7, "f"): key} == memory.files

    def test_an_import_whose_answer_was_forgotten_is_to_be_sent_again(self, memory):
        with pytest.raises(Unavailable):
            ask(memory, kind=JobKind.IMPORT)
        assert {} == memory.jobs


class TestCancelling:
    def test_what_stays_is_said(self, memory):
        key, job, _ = ask(memory)
        memory.jobs[key.id] = replace(job, done=1)
        ended = cancel_job(memory, *POOL, key.id)
        assert "Cancelled. The 1 code that was made stays." == ended.detail
        assert ended == cancel_job(memory, *POOL, key.id)  # it stays as it is

    @pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
    def test_a_job_that_has_ended_is_refused(self, memory, state):
        key, _, _ = ask(memory)
        memory.end_job(key, state, None)
        with pytest.raises(Conflict, match=state):
            cancel_job(memory, *POOL, key.id)

    @pytest.mark.parametrize("kind", JobKind)
    def test_an_import_that_is_storing_is_refused(self, memory, kind):
        key, _, _ = ask(memory, kind=kind, file="f", file_of=7)
        memory.storing = True
        if kind is JobKind.IMPORT:
            with pytest.raises(Conflict):
                cancel_job(memory, *POOL, key.id)
        else:
            assert JobState.CANCELLED == cancel_job(memory, *POOL, key.id).state
