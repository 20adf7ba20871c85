"""The pool of connections to PostgreSQL loses none of its places."""

import pytest
from sqlalchemy import text

from service.domain.errors import Unavailable

ENDED = text("SELECT pg_terminate_backend(pg_backend_pid())")
MORE_THAN_THERE_ARE = 20
"""Connections; the settings of the tests allow fewer."""


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_broken_connection_leaves_its_place_to_another(database):
    for _ in range(MORE_THAN_THERE_ARE):
        with pytest.raises(Unavailable), database.read() as connection:
            connection.execute(ENDED)
    assert database.why_not_ready() is None
