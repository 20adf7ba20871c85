"""The cost of a request in counts, which do not depend on the machine's load."""

import re
import sys

import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from service.store.postgresql.connection import Connection
from tests.support.engines import on_postgresql, on_sqlite

WARM = 8
"""Requests until connections are open and statements prepared (by psycopg after 5)."""


@pytest.fixture
def fetch(client, auth, codes):
    """Fetch a code for a user."""

    def fetch(user):
        answer = client.get(f"/v1/discount/fetch/brand1/{user}", headers=auth)
        assert 200 == answer.status_code, answer.text

    for _ in range(WARM):
        fetch("first")
    return fetch


@pytest.fixture
def statements(database, fetch):
    """The statements of SQLite from now on, each by its first two words."""
    statements: list[str] = []
    database.close()  # connections that are already open would not be traced

    def listen(connection, _record):
        connection.set_trace_callback(
            lambda statement: statements.append(" ".join(re.findall(r"\w+", statement)[:2]))
        )

    event.listen(database.engine, "connect", listen)
    fetch("second")
    statements.clear()
    return statements


@pytest.fixture
def round_trips(monkeypatch, fetch):
    """A list that grows with each round trip to PostgreSQL."""
    waited: list[None] = []
    wait = Connection.wait

    def counted(*args, **options):
        waited.append(None)
        return wait(*args, **options)

    monkeypatch.setattr(Connection, "wait", counted)
    return waited


@on_sqlite
def test_a_new_reservation_is_one_read_two_updates_and_one_commit(fetch, statements):
    fetch("user1")
    expected = ["SELECT brand", "BEGIN IMMEDIATE", "UPDATE code", "UPDATE tally", "COMMIT"]
    assert expected == statements


@on_sqlite
def test_a_repeated_reservation_is_one_read(fetch, statements):
    fetch("first")
    assert ["SELECT brand"] == statements


@on_postgresql
@pytest.mark.parametrize("user", ["user1", "first"], ids=["new", "repeated"])
def test_a_reservation_is_one_round_trip(fetch, round_trips, user, monkeypatch):
    """One new reservation in 256 also folds the tally."""
    monkeypatch.setattr("service.store.postgresql.tally.FOLD_EVERY", 2**40)
    fetch(user)
    assert 1 == len(round_trips)


def calls_of(app: Flask, path: str, headers: dict[str, str] | None = None) -> int:
    """Count the calls of Python and C functions that an answer takes."""
    environ = EnvironBuilder(path=path, headers=Headers(headers)).get_environ()
    calls = 0

    def count(_frame, what, _argument):
        nonlocal calls
        calls += what in {"call", "c_call"}

    sys.setprofile(count)
    try:
        _, status, _ = run_wsgi_app(app, environ)
    finally:
        sys.setprofile(None)
    assert "200 OK" == status
    return calls


@on_sqlite
def test_a_repeated_reservation_takes_fewer_calls_than_flasks_hello(app, fetch, auth):
    hello = Flask("hello")
    hello.add_url_rule("/", view_func=lambda: "Hello, World!")
    calls_of(hello, "/")  # the first request sets things up
    assert calls_of(app, "/v1/discount/fetch/brand1/first", auth) < calls_of(hello, "/")
