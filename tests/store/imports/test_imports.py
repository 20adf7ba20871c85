"""Imports beside concurrent changes: all rows or none."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

import pytest
from sqlalchemy import text

from service.domain.errors import Conflict, Unavailable
from service.domain.jobs import JobState
from service.formats.list_form import ListForm
from service.observability.metrics.jobs import JobMetrics
from service.store.imports import staged_codes, staging
from service.store.imports.files import SQLImports
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.store.postgresql.loading import probes
from service.usecases.import_files import begin_file, keep_blocks
from service.usecases.import_pipeline.state import CHECK, STORE
from service.usecases.imports import import_codes, receive
from service.usecases.jobs import cancel_job, request_job
from service.usecases.ports.chunk import Part
from service.usecases.ports.clock import system_clock
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql, on_sqlite
from tests.support.working import Heard, do_all, purge, worker

CODES = [f"CODE-{number:04}" for number in range(3000)]
LIST = "\n".join(CODES).encode()
POOL = ("brand1", "default")


@pytest.fixture
def jobs(database):
    return SQLJobs(database)


@pytest.fixture
def ask(database, jobs):
    """Request an import."""
    imports = SQLImports(database)

    def job_of(content=LIST):
        received = receive(imports, *POOL, [content], 1_000_000)
        requested = import_codes(
            imports,
            partial(request_job, jobs, *POOL),
            received,
            form=ListForm.CSV,
            dry_run=False,
            requested_by="me",
        )
        return requested.job

    return job_of


@pytest.fixture
def step(database):
    """Do a chunk of the oldest job as a worker that is killed afterwards; return its phase."""
    works = SQLWork(database)

    def do(size=1000):
        now = system_clock()
        (key, *_) = works.due(1)
        taken = works.take(key, now)
        assert taken
        lease, _ = taken
        works.step(lease, size, now)
        with database.transaction() as connection:
            connection.execute(text("UPDATE job SET leased_until = 0"))
        with database.read() as connection:
            query = text("SELECT cursor FROM job WHERE id = :id")
            cursor = connection.execute(query, {"id": key.id}).scalar()
        return json.loads(cursor)["phase"] if cursor else None

    return do


def until(phase, step):
    """Do chunks until an import is in a phase."""
    while step() != phase:
        pass


def stored(store):
    return sorted(row.code for row in store.codes(*POOL, None, None, 10_000).items)


def one(database, query):
    with database.read() as connection:
        return connection.execute(text(query)).scalar()


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


def test_what_was_left_is_looked_for_among_many_rows_a_few_at_a_time(ask, step, database, jobs):
    """On SQLite, no purge may hold the write lock for long."""
    cancelled = ask(b"ZZZZ-1\nZZZZ-2")
    until(CHECK, step)
    until(STORE, step)
    with database.transaction() as connection:  # as if it had been cancelled just before
        connection.execute(text("UPDATE job SET state = 'cancelled', finished_at = 1"))
        file = staging.begin(connection, one(database, "SELECT id FROM brand"), system_clock())
        rows = [(f"CODE-{number:05}", number) for number in range(2 * staging.PURGED_AT_ONCE)]
        assert set() == staged_codes.stage(connection, file.brand_id, file, rows)
    imports, calls = SQLImports(database), 0
    while imports.purge(system_clock()):
        calls += 1
    assert len(rows) == one(database, "SELECT count(*) FROM import_row")
    assert 1 == one(database, "SELECT count(*) FROM import_file")
    assert calls >= 3
    assert JobState.CANCELLED == jobs.find(*POOL, cancelled.id).state


@on_postgresql
def test_who_purges_beside_another_forgets_no_row(ask, step, database, jobs):
    cancelled = ask()
    until(CHECK, step)
    step()
    cancel_job(jobs, *POOL, cancelled.id)
    imports = SQLImports(database)
    while one(database, "SELECT count(*) FROM import_run"):
        imports.purge(system_clock())
    with database.transaction() as connection:
        connection.execute(text("SELECT FROM import_file FOR UPDATE"))
        assert not imports.purge(system_clock())
    while imports.purge(system_clock()):
        pass
    assert 0 == one(database, "SELECT count(*) FROM import_row")


@on_postgresql
def test_rows_that_an_import_has_taken_over_are_not_purged_with_what_a_cancelled_one_left(
    ask, step, database, jobs
):
    """A purge that began before the files were attached has to wait for their transaction."""
    cancelled = ask()
    until(CHECK, step)
    step()
    cancel_job(jobs, *POOL, cancelled.id)
    imports = SQLImports(database)
    while one(database, "SELECT count(*) FROM import_run"):
        imports.purge(system_clock())
    file = begin_file(imports, *POOL, system_clock())
    rows = [(code, line) for line, code in enumerate(CODES[:10], 1)]
    with ThreadPoolExecutor(1) as threads:
        with database.transaction() as connection:
            brand_id = one(database, "SELECT id FROM brand")
            assert set() == staged_codes.stage(connection, brand_id, file, rows)
            purge = threads.submit(imports.purge, system_clock())
            while not one(database, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not purge.done()
        assert purge.result()
    query = f"SELECT count(*) FROM import_row WHERE file = '{file.id}'"
    assert 10 == one(database, query)


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
    step(100)
    assert 100 == len(stored(store))


@on_postgresql
def test_on_postgresql_all_rows_are_there_at_once(ask, step, store):
    ask()
    until(STORE, step)
    step(100)
    assert CODES == stored(store)


@on_postgresql
@pytest.mark.own_database
def test_a_purge_may_take_long(ask, step, database, jobs):
    """The statement searches the rows of a file among all of the brand's, and serves no call."""
    job = ask()
    until(CHECK, step)
    step()
    cancel_job(jobs, *POOL, job.id)
    with database.transaction() as connection:
        slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        connection.execute(text(f"{slow} PERFORM pg_sleep(3); RETURN NULL; END $$"))
        connection.execute(
            text("CREATE TRIGGER slow AFTER DELETE ON import_row EXECUTE FUNCTION slow()")
        )
    imports = SQLImports(database)
    while imports.purge(system_clock()):
        pass
    assert 0 == one(database, "SELECT count(*) FROM import_row")


def test_an_upload_that_is_taken_for_abandoned_is_not_imported_in_part(database, jobs):
    """A worker's clock may be set forward by a day while a list is being received."""
    imports = SQLImports(database)
    received = receive(imports, *POOL, [b"CODE-1\n", b"CODE-2\n"], 1000)
    assert imports.purge(system_clock() + 25 * 60 * 60 * 1000)
    ask = partial(request_job, jobs, *POOL)
    with pytest.raises(Unavailable):
        import_codes(imports, ask, received, form=ListForm.CSV, dry_run=False, requested_by="me")
    assert 0 == one(database, "SELECT count(*) FROM job")


def test_a_file_without_a_job_is_purged_a_day_later(database):
    imports = SQLImports(database)
    keep_blocks(imports, begin_file(imports, *POOL, system_clock()), 0, [b"CODE-1"], system_clock())
    assert not imports.purge(system_clock())
    assert imports.purge(system_clock() + 25 * 60 * 60 * 1000)
