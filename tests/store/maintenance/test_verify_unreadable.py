"""Unreadable tables are not reported as broken."""

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from service.store.engines import engine_of
from service.store.maintenance.structure import Structure
from service.store.maintenance.verify import findings, verify
from tests.support.engines import on_postgresql

ROLE = "discount_nobody"


@on_postgresql
def test_a_caller_without_the_read_scope_is_forbidden(database, database_url):
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {ROLE} LOGIN")
        try:
            separator = "&" if "?" in database_url else "?"
            as_nobody = f"{database_url}{separator}options=-c%20role%3D{ROLE}"
            with pytest.raises(DBAPIError, match="permission denied"):
                list(verify(as_nobody))
        finally:
            owner.execute(f"DROP ROLE {ROLE}")


@on_postgresql
@pytest.mark.own_database
def test_a_connection_that_is_lost_has_found_nothing(database, database_url):
    findings = verify(database_url)
    next(findings)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
        """)
    with pytest.raises(DBAPIError):
        list(findings)


def test_a_table_that_reflection_misses_is_a_finding(database, database_url):
    def looks(_connection):
        raise NoSuchTableError("code")

    inspection = engine_of(database_url).inspection()
    partly = inspection._replace(structure=[Structure("keys", "every key is there", looks)])
    with inspection.snapshot(database_url) as connection:
        first, *others = findings(connection, partly)
    assert (1, "cannot be checked: code (1)") == (first.breaches, first.where)
    assert not any(finding.breaches for finding in others)
