"""Imports beside concurrent changes: all rows or none."""

from itertools import chain

import pytest
from sqlalchemy import text

from service.domain.errors import Conflict
from service.domain.jobs import JobState
from service.observability.metrics.jobs import JobMetrics
from service.store.imports.files import SQLImports
from service.store.postgresql.loading import probes
from service.usecases.import_pipeline.state import CHECK, STORE
from service.usecases.jobs import cancel_job
from service.usecases.ports.chunk import Part
from service.usecases.ports.clock import system_clock
from tests.store.imports.lists import CODES, LIST, POOL, stored, until
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql, on_sqlite
from tests.support.working import Heard, do_all, purge, worker


def mint_first(code):
    """Mint a given code first, and then others."""
    candidates = chain([code], (f"OTHER-{number}" for number in range(1000)))
    return lambda count: [next(candidates) for _ in range(count)]


@pytest.mark.parametrize("phase", [CHECK, STORE])
def test_every_worker_dies_after_a_chunk_and_all_rows_are_there(
    ask, step, store, database, jobs, phase
):
    job = ask()
    until(phase, step)
    assert [] == stored(store)
    while jobs.find(*POOL, job.id).finished_at is None:
        step(700)
    assert CODES == stored(store)
    assert 3000 == jobs.find(*POOL, job.id).done
    purge(database)


def test_nobody_makes_a_code_that_is_to_be_stored(ask, step, store, database, jobs):
    job = ask()
    until(STORE, step)
    made, _ = add_codes(store, *POOL, 2, mint_first(CODES[7]), system_clock())
    assert ["OTHER-0", "OTHER-1"] == sorted(made)
    do_all(database)
    assert JobState.SUCCEEDED == jobs.find(*POOL, job.id).state
    assert sorted([*CODES, *made]) == sorted(stored(store))


@on_postgresql
def test_a_code_that_was_made_meanwhile_undoes_the_whole_import(ask, step, database, store, jobs):
    """A transaction that began before the row was checked, and ended after that."""
    add_codes(store, *POOL, 1, mint_first("OTHER"), system_clock())
    job = ask()
    with database.transaction() as connection:
        insert = text(
            "INSERT INTO code (brand_id, campaign_id, code, state, created_at) "
            "SELECT brand_id, campaign_id, :code, 'available', 1 FROM code"
        )
        connection.execute(insert, {"code": CODES[2500]})
        until(STORE, step)
    do_all(database)
    ended = jobs.find(*POOL, job.id)
    assert (JobState.FAILED, 2999, 1) == (ended.state, ended.done, ended.failed)
    assert [CODES[2500], "OTHER"] == stored(store)
    with SQLImports(database).refusals(*POOL, job.id) as parts:
        assert [(2501, "in-brand")] == [tuple(row) for part in parts for row in part]


def test_two_imports_of_one_code_do_not_both_get_it(ask, step, store, database, jobs):
    first = ask()
    until(STORE, step)
    second = ask(f"{CODES[7]}\nNEW-1".encode())
    do_all(database)
    assert JobState.SUCCEEDED == jobs.find(*POOL, first.id).state
    assert (JobState.FAILED, 1) == (
        (ended := jobs.find(*POOL, second.id)).state,
        ended.failed,
    )
    assert CODES == stored(store)


def test_an_import_that_is_storing_cannot_be_cancelled(ask, step, store, database, jobs):
    job = ask()
    until(STORE, step)
    with pytest.raises(Conflict):
        cancel_job(jobs, *POOL, job.id)
    do_all(database)
    assert CODES == stored(store)


@on_postgresql
def test_who_wants_to_cancel_does_not_wait_for_the_transaction_that_stores(
    ask, step, database, jobs
):
    job = ask()
    until(STORE, step)
    with database.transaction() as connection:
        connection.execute(text("SELECT FROM job FOR UPDATE"))
        with pytest.raises(Conflict):
            cancel_job(jobs, *POOL, job.id)


@on_postgresql
def test_claims_are_spread_over_what_was_imported(ask, database):
    ask()
    do_all(database)
    with database.read() as connection:
        found = connection.execute(text("SELECT probe FROM code ORDER BY code")).scalars().all()
    assert sorted(probes(Part(0, 3000, 3000))) == sorted(found)
    assert sorted(found) != found  # the order shows nothing about the codes


def test_codes_that_were_stored_are_counted_and_no_others(ask, database, store):
    metrics, heard = JobMetrics(), Heard()
    add_codes(store, *POOL, 1, mint_first("TAKEN-1"), system_clock())
    for content in (LIST, b"CODE-5000\nno", b"CODE-6000\nTAKEN-1"):
        ask(content)
    while worker(database, heard).do_due():
        pass
    for name, step in heard.events:
        if name == "chunk":
            metrics.chunk(step)
    assert 3001 == len(stored(store))
    assert 3000.0 == metrics.registry.get_sample_value("discount_codes_created_total")


@on_sqlite
def test_on_sqlite_a_chunk_stores_the_given_number_of_rows(ask, step, store):
    ask()
    until(STORE, step)
    step(600)
    assert 600 == len(stored(store))


@on_postgresql
def test_on_postgresql_all_rows_are_there_at_once(ask, step, store):
    ask()
    until(STORE, step)
    step(100)
    assert CODES == stored(store)
