"""The pool of connections to PostgreSQL loses none of its places."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import text

from service.domain.errors import Unavailable
from tests.support.waiting import wait_until

pytestmark = pytest.mark.own_database

ENDED = text("SELECT pg_terminate_backend(pg_backend_pid())")
MORE_THAN_THERE_ARE = 20
"""Connections; the settings of the tests allow fewer."""


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_broken_connection_leaves_its_place_to_another(database):
    for _ in range(MORE_THAN_THERE_ARE):
        with pytest.raises(Unavailable), database.read() as connection:
            connection.execute(ENDED)
    wait_until(lambda: database.why_not_ready() is None)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_what_is_given_up_keeps_its_place_until_the_server_has_ended_it(database):
    """Otherwise repeated calls would have ever more sessions wait behind a locked table."""
    until = time.monotonic() + 3

    def ask():
        while time.monotonic() < until:
            with suppress(Unavailable), database.read() as connection:
                connection.execute(text("SELECT count(*) FROM code"))

    most = 0
    with ThreadPoolExecutor(MORE_THAN_THERE_ARE) as pool, database.transaction() as holder:
        holder.execute(text("LOCK TABLE code"))
        asking = [pool.submit(ask) for _ in range(MORE_THAN_THERE_ARE)]
        sessions = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )  # not autovacuum's
        while time.monotonic() < until:
            holder.execute(text("SELECT pg_stat_clear_snapshot()"))
            most = max(most, holder.execute(text(sessions)).scalar_one())
            time.sleep(0.02)
    for each in asking:
        each.result()
    assert most <= database.connections.most
    wait_until(lambda: database.why_not_ready() is None)
