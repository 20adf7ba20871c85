"""`discount verify`: finds every kind of damage, names it without a secret, and touches nothing."""

import re
import sqlite3
import threading
import time
from contextlib import closing

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.cli import main
from service.domain.codes import mint
from service.store.maintenance.invariants import INVARIANTS
from service.store.maintenance.structure import STRUCTURE
from service.store.maintenance.verify import inspection_of, verify
from tests.engines import on_sqlite
from tests.postgresql import fresh_database, url_of
from tests.store.damages import DAMAGES, HELD

pytestmark = pytest.mark.own_database

CHECKS = [
    *(check.name for check in STRUCTURE),
    "integrity",
    "references",
    *(check.name for check in INVARIANTS),
]


@pytest.fixture
def url(settings, store):
    """A sound database: three campaigns of two brands, codes free and reserved."""
    now = time.time_ns() // 1_000_000
    for brand in ("b1", "b2"):
        codes = [f"SECRET-{brand}-{number}" for number in range(4)]
        store.add_codes(brand, "default", 4, lambda _, codes=codes: codes, now)
        for number in (1, 2):
            store.reserve(brand, "default", f"secret-user-{number}", now)
    store.close()
    damage(settings.database_url, SECOND_CAMPAIGN + ONE_ROW + FIRST_CODES)
    return settings.database_url


SECOND_CAMPAIGN = """
    INSERT INTO campaign (brand_id, id, name, created_at) VALUES (1, 2, 'summer', 1);
    INSERT INTO tally (brand_id, campaign_id) VALUES (1, 2);
"""


ONE_ROW = """
    CREATE TABLE added_up AS SELECT brand_id, campaign_id, sum(available) AS available,
        sum(reserved) AS reserved FROM tally GROUP BY brand_id, campaign_id;
    DELETE FROM tally;
    INSERT INTO tally (brand_id, campaign_id, available, reserved) SELECT * FROM added_up;
    DROP TABLE added_up;
"""
"""So that damage on one row of the tally is the same on both engines."""
FIRST_CODES = """
    UPDATE code SET state = 'available', user_id = NULL, reserved_at = NULL;
    UPDATE code SET state = 'reserved', user_id = 'secret-user-1', reserved_at = created_at
    WHERE code IN ('SECRET-b1-0', 'SECRET-b2-0');
    UPDATE code SET state = 'reserved', user_id = 'secret-user-2', reserved_at = created_at
    WHERE code IN ('SECRET-b1-1', 'SECRET-b2-1');
"""
"""PostgreSQL gives any code; damage needs to know which."""
CHECK_RULES = """
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype = 'c' AND conrelid <> 0
"""


def damage(url, sql):
    """Do by hand what neither the service nor the constraints would let happen."""
    if url.startswith("postgresql"):
        damage_postgresql(url, sql)
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.executescript(sql)


def damage_postgresql(url, sql):
    """Take the checks away meanwhile; those that do not hold any more come back unchecked."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no references
        checks = connection.execute(CHECK_RULES).fetchall()
        for table, name, _ in checks:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        connection.execute(sql)
        for table, name, rule in checks:
            back = f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule}"
            try:
                connection.execute(back)
            except psycopg.errors.CheckViolation:
                connection.execute(f"{back} NOT VALID")


def run(url):
    """Run the command; return its exit status, the counts by check, and what it complains of."""
    done = CliRunner().invoke(main, ["verify"], env={"DISCOUNT_DATABASE_URL": url})
    assert "secret" not in done.output.lower()
    counts = {line.split()[1]: int(line.split()[0]) for line in done.stdout.splitlines()}
    return done.exit_code, counts, done.stderr


def test_a_sound_database_is_sound(url):
    assert (0, dict.fromkeys(CHECKS, 0), "") == run(url)


@pytest.mark.parametrize(
    ("engine", "name"),
    [(engine, name) for engine, damages in DAMAGES.items() for name in damages],
    indirect=["engine"],
)
def test_damage_is_found_and_named(url, engine, name):
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
        damage(url, f"INSERT INTO campaign VALUES (1, {number}, 'c{number}', 1);")
    _, counts, complaint = run(url)
    assert 20 == counts["campaign-tally"]
    assert 5 == complaint.count("campaign 'c")
    assert "…" in complaint


def test_the_skew_of_two_clocks_is_no_damage(url):
    damage(url, f"UPDATE code SET reserved_at = created_at - 60000 {HELD};")
    assert 0 == run(url)[0]


@on_sqlite
def test_a_scribbled_page_is_found(url):
    """Checks that cannot read what they need say so, and the others go on."""
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


class TestNoFile:
    def test_a_missing_file_is_not_made(self, tmp_path):
        status, counts, complaint = run(f"sqlite:///{tmp_path}/no/such.db")
        assert (1, {}) == (status, counts)
        assert f"There is no database file {tmp_path}/no/such.db: " in complaint
        assert [] == list(tmp_path.iterdir())

    def test_another_file_is_none(self, tmp_path):
        (tmp_path / "letter").write_text("Dear Sir or Madam, " * 100)
        status, counts, complaint = run(f"sqlite:///{tmp_path}/letter")
        assert (1, {}) == (status, counts)
        assert "is not an SQLite database" in complaint

    def test_without_tables_it_says_how_to_make_them(self, tmp_path):
        damage(f"sqlite:///{tmp_path}/empty.db", "VACUUM")
        status, _, complaint = run(f"sqlite:///{tmp_path}/empty.db")
        assert 1 == status
        assert "run db upgrade" in complaint


class TestNoServer:
    def test_a_server_that_does_not_answer_is_named(self):
        status, counts, complaint = run("postgresql://127.0.0.1:1/nowhere")
        assert (1, {}) == (status, counts)
        assert "Error: The database cannot be reached: " in complaint

    def test_a_password_is_not_repeated(self):
        status, counts, complaint = run(
            url_of("postgres").replace("://postgres", "://nobody:secret")
        )
        assert (1, {}) == (status, counts)
        assert 'role "nobody" does not exist' in complaint

    def test_without_tables_it_says_how_to_make_them(self):
        with fresh_database() as url:
            status, _, complaint = run(url)
        assert 1 == status
        assert "run db upgrade" in complaint


def snapshot(url):
    return inspection_of(url).snapshot(url)


class TestLive:
    def test_it_is_sound_while_codes_are_made_and_reserved(self, url, store):
        """Every moment of a service at work keeps every promise."""
        stop = threading.Event()

        def serve(name):
            number = 0
            while not stop.is_set():
                now = time.time_ns() // 1_000_000
                store.add_codes("b1", "default", 20, mint, now)
                for _ in range(20):
                    number += 1
                    store.reserve("b1", "default", f"secret-user-{name}-{number}", now)
            return number

        threads = [threading.Thread(target=serve, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        try:
            moments = [list(verify(url)) for _ in range(10)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not [found for findings in moments for found in findings if found.breaches]

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
def test_no_index_is_believed(url, engine, invariant):
    """A damaged index must not hide what is in the table."""
    sql = invariant.sql.format_map(inspection_of(url).rules)
    explain, steps = {
        "sqlite": ("EXPLAIN QUERY PLAN", lambda row: row[3]),
        "postgresql": ("EXPLAIN", lambda row: row[0]),
    }[engine]
    with snapshot(url) as connection:
        plan = [steps(row) for row in connection.execute(text(f"{explain} {sql}"))]
    assert plan
    assert not [step for step in plan if re.search(r"USING (COVERING )?INDEX|Index", step)]


SEVERAL_HOSTS = "postgresql://nobody@127.0.0.1:1,127.0.0.1:2/nothing?connect_timeout=2"


@pytest.mark.parametrize("command", [["verify"], ["db", "backup", "copy.db"]])
def test_a_url_of_several_hosts_is_understood(command):
    """As clusters have one; libpq takes it, and SQLAlchemy does not."""
    done = CliRunner().invoke(main, command, env={"DISCOUNT_DATABASE_URL": SEVERAL_HOSTS})
    assert 1 == done.exit_code
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.output.startswith("Error: ")
