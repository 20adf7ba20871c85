"""The queue of an earlier version stays until it is removed by command."""

import pytest
from sqlalchemy import inspect

from service.settings import sqlite_file
from service.store.maintenance.old_queue import SUFFIXES, TABLES, drop_old_queue

pytestmark = pytest.mark.own_database


def left(database, settings):
    """Return what exists of the queue."""
    file = sqlite_file(settings.database_url)
    if file:
        return [path.name for path in sorted(file.parent.glob("*-queue*"))]
    with database.read() as connection:
        return sorted(set(TABLES) & set(inspect(connection).get_table_names()))


def test_it_is_removed_once_and_nothing_else(database, settings, store):
    if file := sqlite_file(settings.database_url):
        for suffix in SUFFIXES[:2]:
            file.with_name(file.name + suffix).touch()
    before = left(database, settings)
    assert before
    assert before == drop_old_queue(database, settings)
    assert [] == left(database, settings)
    assert [] == drop_old_queue(database, settings)
    assert [] == store.brands(None, None, 10).items
