"""Codes of a job are new, whatever the brand has already."""

import pytest
from sqlalchemy import text

from service.domain.errors import Unavailable
from service.store.jobs.chunk import SQLChunkTransaction
from service.store.repositories.pools import make_pool
from service.store.sqlite.write_lock import WriteLock
from service.usecases.job_kinds import load_codes
from service.usecases.ports.chunk import Part
from tests.support.engines import on_sqlite

NOW = 1


def test_codes_that_the_brand_has_are_made_up_for(database):
    """The chunk is stored without the existing codes, and counted correctly."""
    made = iter([["AAAA", "BBBB", "CCCC"], ["BBBB", "CCCC", "DDDD"], ["EEEE", "FFFF"]])
    part = Part(0, 3, 3)
    with database.transaction() as connection:
        pool = make_pool(connection, "brand", "default", NOW)
        load_codes(SQLChunkTransaction(connection, NOW), pool, part, lambda _count: next(made))
    with database.transaction() as connection:
        load_codes(SQLChunkTransaction(connection, NOW), pool, part, lambda _count: next(made))
    with database.read() as connection:
        codes = connection.execute(text("SELECT code FROM code ORDER BY code")).scalars().all()
        tally = connection.execute(text("SELECT sum(available) FROM tally")).scalar_one()
    assert ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE", "FFFF"] == codes
    assert 6 == tally


def test_one_that_the_brand_has_among_thousands_is_made_up_for(database):
    """Wherever the duplicate is among the pieces of a COPY."""
    count = 2500
    texts = [f"CODE-{number:04}" for number in range(count)]
    made = iter([[texts[0]], texts, ["LAST"]])
    with database.transaction() as connection:
        pool = make_pool(connection, "brand", "default", NOW)
        load_codes(
            SQLChunkTransaction(connection, NOW), pool, Part(0, 1, 1), lambda _count: next(made)
        )
        load_codes(
            SQLChunkTransaction(connection, NOW),
            pool,
            Part(0, count, count),
            lambda _count: next(made),
        )
    with database.read() as connection:
        codes = connection.execute(text("SELECT code FROM code ORDER BY code")).scalars().all()
    assert [*texts, "LAST"] == codes


def test_fewer_codes_than_asked_for_are_made_up_for(database):
    made = iter([["AAAA"], ["BBBB"]])
    with database.transaction() as connection:
        pool = make_pool(connection, "brand", "default", NOW)
        load_codes(
            SQLChunkTransaction(connection, NOW), pool, Part(0, 2, 2), lambda _count: next(made)
        )
    with database.read() as connection:
        assert 2 == connection.execute(text("SELECT count(*) FROM code")).scalar_one()


@on_sqlite
def test_who_writes_is_seen(database):
    assert not database.others_write()
    with database.transaction():
        assert database.others_write()
    assert not database.others_write()


@on_sqlite
def test_who_fails_to_write_is_gone(database):
    with pytest.raises(Unavailable), database.transaction():
        raise Unavailable
    assert not database.others_write()


def test_where_there_can_be_no_file_everybody_seems_alone(tmp_path):
    write_lock = WriteLock(tmp_path / "no-folder" / "file")
    with write_lock.held():
        assert not write_lock.contended()
