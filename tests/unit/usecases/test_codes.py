"""The rules of creating codes, with a transaction in memory."""

from dataclasses import replace

import pytest

from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CodeSpaceExhausted,
    Conflict,
    InsufficientStorage,
)
from service.domain.model import State
from service.usecases.codes import MAX_ROUNDS, create_codes
from service.usecases.idempotency import KEPT_MS
from tests.unit.usecases.memory import KEY, NOW, POOL


def create(memory, count=1, idempotency=None, now=NOW, pool=POOL):
    return create_codes(memory, pool[0], pool[1], count, idempotency=idempotency, clock=lambda: now)


def test_only_default_is_made(memory):
    with pytest.raises(BrandNotFound):
        create(memory, pool=("brand", "summer"))
    create(memory)
    with pytest.raises(CampaignNotFound):
        create(memory, pool=("brand", "summer"))


def test_collisions_are_topped_up_and_only_new_codes_are_counted(memory):
    memory.supply = ["AAAA", "BBBB", "AAAA", "BBBB", "CCCC", "DDDD"]
    create(memory, 2)
    assert (["CCCC", "DDDD"], True) == create(memory, 2)
    assert {State.AVAILABLE: 4} == memory.counts


def test_a_space_of_codes_that_is_full_ends_the_call_uncounted(memory):
    create(memory)
    rounds = []

    def insert_none(_pool, codes):
        rounds.extend(codes)
        return []

    memory.insert_codes = insert_none
    with pytest.raises(CodeSpaceExhausted):
        create(memory)
    assert (MAX_ROUNDS, {State.AVAILABLE: 1}) == (len(rounds), memory.counts)


def test_a_repeated_request_has_the_same_answer(memory):
    memory.supply = ["AAAA", "BBBB"]
    assert (["AAAA"], True) == create(memory, idempotency=KEY)
    assert (["AAAA"], False) == create(memory, idempotency=KEY, now=NOW + KEPT_MS - 1)
    assert {State.AVAILABLE: 1} == memory.counts


def test_a_repeated_request_needs_no_space(memory):
    create(memory, idempotency=KEY)
    memory.full = True
    assert not create(memory, idempotency=KEY).new
    with pytest.raises(InsufficientStorage):
        create(memory)


def test_a_key_that_is_too_old_is_new_again(memory):
    memory.supply = ["AAAA", "BBBB"]
    create(memory, idempotency=KEY)
    assert (["BBBB"], True) == create(memory, idempotency=KEY, now=NOW + KEPT_MS)


def test_a_key_of_another_content_is_refused(memory):
    create(memory, idempotency=KEY)
    with pytest.raises(Conflict):
        create(memory, idempotency=replace(KEY, fingerprint=b"other"))


def test_it_says_that_the_database_grows(memory):
    create(memory)
    assert [True] == memory.grew
