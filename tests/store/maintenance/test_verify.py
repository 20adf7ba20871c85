"""`discount verify` finds every kind of damage, names it without secrets, and changes nothing."""

import functools
import re
import sqlite3
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.domain.codes import mint
from service.store.engines import engine_of
from service.store.maintenance.invariants import INVARIANTS
from service.store.maintenance.verify import findings, verify
from service.store.postgresql.driver import driver_of
from service.store.postgresql.snapshot import SNAPSHOT_SETTINGS, maintenance_engine, set_locally
from tests.store.maintenance.damage import HELD
from tests.store.maintenance.damages import DAMAGES
from tests.store.maintenance.sound import (
    copied,
    damage,
    damage_postgresql,
    opened_store,
    run,
    sound_database,
)
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite

CHECKS = [
    "revision",
    "keys",
    "integrity",
    "references",
    *(check.name for check in INVARIANTS),
]


@pytest.fixture(scope="module")
def sound():
    """Return the URL of an engine's sound database, created on demand, to be copied."""
    with ExitStack() as stack:

        @functools.cache
        def made(engine):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            return stack.enter_context(sound_database(engine, Path(folder)))

        yield made


@pytest.fixture
def url(engine, sound, tmp_path):
    """A sound database for one test."""
    with copied(sound(engine), tmp_path) as url:
        yield url


@pytest.fixture
def store(url):
    with opened_store(url) as store:
        yield store


@pytest.fixture(scope="module")
def on_server(sound, tmp_path_factory):
    """A connection to a sound PostgreSQL database, whose changes are rolled back."""
    with (
        copied(sound("postgresql"), tmp_path_factory.mktemp("unused")) as url,
        maintenance_engine(url).connect() as connection,
    ):
        yield connection


@pytest.fixture
def findings_after(engine, request):
    """Return all findings once some SQL has done its damage.

    A file is damaged for good. PostgreSQL undoes the damage together with the transaction that
    looks for it: to copy a database and to look at it for the first time takes longer.
    """
    if engine == "postgresql":
        return functools.partial(damage_and_undo, request.getfixturevalue("on_server"))
    url = request.getfixturevalue("url")

    def damaged(sql):
        damage(url, sql)
        return list(verify(url))

    return damaged


def damage_and_undo(connection, sql):
    undone = connection.begin()
    try:
        damage_postgresql(driver_of(connection), sql)
        set_locally(connection, SNAPSHOT_SETTINGS)
        return list(findings(connection, engine_of("postgresql:").inspection()))
    finally:
        undone.rollback()


def test_a_sound_database_is_sound(url):
    assert (0, dict.fromkeys(CHECKS, 0), "") == run(url)


COMMITTED = [name for name, done in DAMAGES["postgresql"].items() if "COMMIT;" in done.sql]
"""Damage that PostgreSQL must have committed before it can be found."""


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        (engine, name)
        for engine, damages in DAMAGES.items()
        for name in damages
        if (engine, name) not in {("postgresql", name) for name in COMMITTED}
    ],
    indirect=["engine"],
)
def test_damage_is_found_and_named(findings_after, engine, name):
    sql, expected, named = DAMAGES[engine][name]
    found = {finding.name: finding.where for finding in findings_after(sql) if finding.breaches}
    assert expected == found.keys()
    complaint = "\n".join(f"{check}: {where}" for check, where in found.items())
    assert named in complaint
    assert "secret" not in complaint.lower()


@pytest.mark.parametrize("name", [*COMMITTED, "a user holds two codes, the index is gone"])
def test_the_command_finds_it_and_names_it(url, engine, name):
    """Committed damage on both engines, as the command reports it."""
    sql, expected, named = DAMAGES[engine][name]
    damage(url, sql)
    status, counts, complaint = run(url)
    assert 1 == status
    assert expected == {check for check, count in counts.items() if count}
    assert CHECKS == list(counts)
    assert named in complaint


@pytest.mark.parametrize("engine", DAMAGES)
def test_every_check_is_shown_to_find_something(engine):
    assert set(CHECKS) == set().union(*(found for _, found, _ in DAMAGES[engine].values()))


def test_many_broken_campaigns_are_counted_and_a_few_named(url):
    for number in range(3, 23):
        damage(
            url,
            "INSERT INTO campaign (brand_id, id, name, created_at) "
            f"VALUES (1, {number}, 'c{number}', 1);",
        )
    _, counts, complaint = run(url)
    assert 20 == counts["campaign-tally"]
    assert 5 == complaint.count("campaign 'c")
    assert "…" in complaint


def test_the_skew_of_two_clocks_is_no_damage(url):
    damage(url, f"UPDATE code SET reserved_at = created_at - 60000 {HELD};")
    assert 0 == run(url)[0]


@on_sqlite
def test_a_scribbled_page_is_found(url):
    """Checks that cannot read their tables report that, and the others continue."""
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'code'"
        (page,) = connection.execute(query).fetchone()
    with open(path, "r+b") as file:  # noqa: PTH123 - bytes in the middle of a file
        file.seek((page - 1) * 4096)
        file.write(b"\x77" * 4096)
    status, counts, complaint = run(url)
    assert 1 == status
    assert counts["integrity"]
    assert not counts["brand-name"]
    assert "one-holder: cannot be checked: database disk image is malformed" in complaint


def snapshot(url):
    return engine_of(url).inspection().snapshot(url)


class TestLive:
    @pytest.mark.parametrize("moments", [2, pytest.param(20, marks=pytest.mark.long)])
    def test_it_is_sound_while_codes_are_made_and_reserved(self, url, store, moments):
        """Every snapshot of a running service keeps every guarantee."""
        stop = threading.Event()

        def serve(name):
            number = 0
            while not stop.is_set():
                now = time.time_ns() // 1_000_000
                add_codes(store, "b1", "default", 20, mint, now)
                for _ in range(20):
                    number += 1
                    store.reserve("b1", "default", f"secret-user-{name}-{number}", now)
            return number

        threads = [threading.Thread(target=serve, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        try:
            seen = [list(verify(url)) for _ in range(moments)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not [found for each in seen for found in each if found.breaches]

    def test_writers_go_on_beside_it_and_it_does_not_see_them(self, url, store):
        with snapshot(url) as connection:
            before = connection.execute(text("SELECT * FROM code")).all()
            store.reserve("b1", "default", "secret-user-3", time.time_ns() // 1_000_000)
            assert before == connection.execute(text("SELECT * FROM code")).all()
        with snapshot(url) as connection:
            assert before != connection.execute(text("SELECT * FROM code")).all()

    def test_it_can_change_nothing(self, url):
        with snapshot(url) as connection, pytest.raises(DBAPIError, match=r"read-?only"):
            connection.execute(text("UPDATE code SET state = 'disabled'"))

    @on_sqlite
    def test_it_leaves_every_file_as_it_was(self, url, tmp_path):
        damage(url, "PRAGMA wal_checkpoint(TRUNCATE)")
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        assert 0 == run(url)[0]
        assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.name)
def test_no_index_is_believed(sound, engine, invariant):
    """A damaged index must not hide rows of the table."""
    url = sound(engine)
    sql = invariant.sql.format_map(engine_of(url).inspection().rules)
    explain, steps = {
        "sqlite": ("EXPLAIN QUERY PLAN", lambda row: row[3]),
        "postgresql": ("EXPLAIN", lambda row: row[0]),
    }[engine]
    with snapshot(url) as connection:
        plan = [steps(row) for row in connection.execute(text(f"{explain} {sql}"))]
    assert plan
    assert not [step for step in plan if re.search(r"USING (COVERING )?INDEX|Index", step)]
