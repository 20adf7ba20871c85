"""Error codes in the log: only those of the database."""

import sqlite3

import psycopg
import pytest

from service.domain.errors import Unavailable
from service.observability.logging import database_error
from service.store.postgresql.pool import NoConnection


def caused(error):
    """Wrap an error as the store does."""
    wrapped = Unavailable()
    wrapped.__cause__ = error
    return wrapped


def raised(work):
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError


FOREIGN = {
    "decoding": b"\xff".decode,
    "encoding": "\ud800".encode,
    "a reason of somebody's": lambda: (_ for _ in ()).throw(_ReasonedError()),
    "arithmetic": lambda: 1 // 0,
}


class _ReasonedError(Exception):
    reason = "a secret"


@pytest.mark.parametrize("work", FOREIGN.values(), ids=FOREIGN)
def test_no_other_error_is_the_databases(work):
    error = raised(work)
    assert database_error(error) is None
    assert database_error(caused(error)) is None


def test_errors_of_the_databases_are():
    with sqlite3.connect(":memory:") as connection:
        error = raised(lambda: connection.execute("nonsense"))
    assert "SQLITE_ERROR" == database_error(caused(error))
    assert "55P03" == database_error(caused(psycopg.errors.LockNotAvailable()))
    assert "connection lost" == database_error(caused(psycopg.OperationalError()))
    assert "no connection" == database_error(NoConnection(None))
