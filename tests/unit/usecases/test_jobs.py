"""The rules of jobs, with a transaction in memory."""

from dataclasses import replace

import pytest

from service.domain.errors import Conflict, TooManyJobs, Unavailable
from service.domain.jobs import MAX_OPEN, JobKind, JobRequest, JobState
from service.usecases.jobs import cancel_job, generate_codes, request_job
from service.usecases.keys import FileKey
from tests.unit.usecases.memory import KEY, NOW, POOL


def ask(memory, idempotency=None, kind=JobKind.GENERATE, **parameters):
    request = JobRequest(kind, 100, "me", parameters)
    return request_job(memory, *POOL, request, idempotency=idempotency, clock=lambda: NOW)


class TestJobs:
    def test_a_brand_has_a_limit_of_open_jobs(self, memory):
        for _ in range(MAX_OPEN):
            generate_codes(memory, *POOL, 5, requested_by="me")
        with pytest.raises(TooManyJobs):
            ask(memory)
        cancel_job(memory, *POOL, "job-0")
        assert ask(memory).new

    def test_a_repeated_request_has_the_job_as_it_began(self, memory):
        key, first, new = ask(memory, idempotency=KEY)
        memory.jobs[key.id] = replace(first, state=JobState.RUNNING, total=90, done=50)
        assert (True, (key, first, False)) == (new, ask(memory, idempotency=KEY))

    def test_an_import_keeps_its_file(self, memory):
        key = ask(memory, kind=JobKind.IMPORT, file="f", file_of=7).key
        assert {FileKey(7, "f"): key} == memory.files

    def test_an_import_whose_answer_was_forgotten_is_to_be_sent_again(self, memory):
        with pytest.raises(Unavailable):
            ask(memory, kind=JobKind.IMPORT)
        assert {} == memory.jobs


class TestCancelling:
    def test_the_detail_says_what_remains(self, memory):
        key, job, _ = ask(memory)
        memory.jobs[key.id] = replace(job, done=1)
        ended = cancel_job(memory, *POOL, key.id)
        assert "Cancelled. The 1 code that was made stays." == ended.detail
        assert ended == cancel_job(memory, *POOL, key.id)  # unchanged

    @pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
    def test_a_job_that_has_ended_is_refused(self, memory, state):
        key = ask(memory).key
        memory.end_job(key, state, None)
        with pytest.raises(Conflict, match=state):
            cancel_job(memory, *POOL, key.id)

    @pytest.mark.parametrize("kind", JobKind)
    def test_an_import_that_is_storing_is_refused(self, memory, kind):
        memory.make_campaign(*POOL)
        key = ask(memory, kind=kind, file="f", file_of=7).key
        memory.storing = True
        if kind is JobKind.IMPORT:
            with pytest.raises(Conflict):
                cancel_job(memory, *POOL, key.id)
        else:
            assert JobState.CANCELLED == cancel_job(memory, *POOL, key.id).state
