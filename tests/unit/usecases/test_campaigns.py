"""The rules of setting a campaign's rules, over a transaction that is nothing but memory."""

import pytest

from service.domain.campaigns import RedeemBy, Rules
from service.domain.code_formats import CodeFormat
from service.domain.errors import (
    CampaignNotFound,
    Guessable,
    InvalidRequest,
    PreconditionFailed,
    TermsFixed,
)
from service.domain.jobs import JobKind, JobRequest, JobState
from service.domain.model import State
from service.usecases.campaigns import WantedRules, archive_campaign, put_campaign
from service.usecases.jobs import generate_codes
from tests.unit.usecases.memory import NOW, POOL

RULES = Rules(ends_at=NOW + 10)


def put(memory, rules=RULES, now=NOW, **options):
    return put_campaign(memory, *POOL, WantedRules(rules, **options), clock=lambda: now)


def archive(memory, **options):
    archive_campaign(memory, *POOL, clock=lambda: NOW, **options)


def refuse(_rules):
    raise PreconditionFailed


def test_a_campaign_is_made_and_replaced(memory):
    first, second = put(memory), put(memory, Rules())
    assert (True, RULES) == (first.new, first.campaign.rules)
    assert (False, Rules()) == (second.new, second.campaign.rules)
    assert [Rules()] == list(memory.rules.values())


def test_a_dry_run_changes_nothing(memory):
    assert put(memory, dry_run=True).new
    assert not memory.pools
    put(memory)
    assert Rules() == put(memory, Rules(), dry_run=True).campaign.rules
    assert [RULES] == list(memory.rules.values())


def test_a_precondition_judges_what_is_there(memory):
    seen: list[Rules | None] = []
    put(memory, precondition=seen.append)
    put(memory, Rules(), precondition=seen.append)
    archive(memory, precondition=seen.append)
    assert [None, RULES, Rules()] == seen
    with pytest.raises(PreconditionFailed):
        put(memory, Rules(), precondition=refuse)
    with pytest.raises(PreconditionFailed):
        archive(memory, precondition=refuse)


def test_an_end_in_the_past_is_refused(memory):
    with pytest.raises(InvalidRequest):
        put(memory, now=NOW + 11)


def test_fixed_terms_are_named(memory):
    put(memory, Rules(redeem_by=RedeemBy.ANYONE, ends_at=NOW + 10))
    with pytest.raises(TermsFixed) as caught:
        put(memory, Rules(ends_at=NOW + 9))
    assert ("redeem_by", "ends_at") == caught.value.fixed
    with pytest.raises(TermsFixed):
        put(memory, Rules(ends_at=NOW + 9), shorten=True)


def test_codes_that_are_easy_to_guess_are_refused_unless_accepted(memory):
    memory.counts[State.RESERVED] = 1
    put(memory)
    form = CodeFormat("######", "01234567")  # 262,144
    with pytest.raises(Guessable, match="One guess in 262144 would hit"):
        put(memory, Rules(code_format=form))
    accepted = CodeFormat("######", "01234567", accept_guessable=True)
    put(memory, Rules(code_format=accepted))
    memory.counts[State.RESERVED] = 131_073
    with pytest.raises(Guessable, match="no room for 131073 codes"):
        put(memory, Rules(code_format=accepted))


def test_to_archive_cancels_open_jobs(memory):
    memory.make_campaign("brand", "other")
    with pytest.raises(CampaignNotFound):
        archive(memory)
    put(memory)
    job = generate_codes(memory, *POOL, 5, requested_by="me").key.id
    archive(memory)
    assert JobState.CANCELLED is memory.jobs[job].state
    archive(memory)
    assert memory.rules == {memory.pools[POOL]: Rules(ends_at=NOW + 10, archived=True)}

    put(memory, Rules())
    job = generate_codes(memory, *POOL, 5, requested_by="me").key.id
    put(memory, Rules(archived=True))
    assert JobState.CANCELLED is memory.jobs[job].state


def test_what_is_being_stored_is_not_cancelled(memory):
    put(memory)
    memory.storing = True
    job = memory.insert_job(None, JobRequest(JobKind.IMPORT, 5, "me", {})).id
    archive(memory)
    assert JobState.QUEUED is memory.jobs[job].state
