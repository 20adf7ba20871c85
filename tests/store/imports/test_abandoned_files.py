"""Files of imports that no job needs any more: purged, without harm to other imports."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import text

from service.domain.errors import Unavailable
from service.domain.jobs import JobState
from service.formats.list_form import ListForm
from service.store.imports import staged_codes, staging
from service.store.imports.files import SQLImports
from service.usecases.import_files import begin_file, keep_blocks
from service.usecases.import_pipeline.state import CHECK, STORE
from service.usecases.imports import import_codes, receive
from service.usecases.jobs import cancel_job, request_job
from service.usecases.ports.clock import system_clock
from tests.store.imports.lists import CODES, POOL, one, until
from tests.support.engines import on_postgresql


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
