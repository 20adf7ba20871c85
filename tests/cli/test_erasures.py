"""`discount erasures` carries erasures over to a restored database, on either engine."""

import json
import stat
from contextlib import closing

import pytest

from service.domain.erasure import tombstones_of
from service.settings import Settings
from service.store.opening import open_database, reservations_in
from service.store.repositories.store import SQLStore
from service.usecases.users import erase_user
from tests.store.repositories.adding import NOW, add
from tests.support.engines import on_sqlite

KEY = "the erasure key of this test, long enough"
OTHER = "another erasure key of this test, as long"
TOMBSTONES = tombstones_of(lambda: [KEY])
BOTH = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def store(tables, monkeypatch):
    """A database in which two users hold codes."""
    monkeypatch.setenv("DISCOUNT_ERASURE_KEY", KEY)
    with closing(open_database(Settings(database_url=tables), threads=2)) as database:
        store = SQLStore(database, reservations_in(database))
        add(store, "AAAA", "BBBB", "CCCC", "DDDD")
        for user in ("user1", "user2"):
            store.reserve("brand", "default", user, NOW)
        yield store


def erase(store, user, **options):
    erase_user(store, TOMBSTONES, "brand", user, clock=lambda: NOW + 1, **options)


def restore(store, user):
    """Bring a user back, as an older backup does."""
    with store._database.transaction() as connection:  # noqa: SLF001
        connection.exec_driver_sql(
            "UPDATE code SET state = 'reserved', user_id = '{}', disabled_at = NULL, "
            "disabled_by = NULL WHERE user_id = '{}'".format(user, *TOMBSTONES("brand", user))
        )
        connection.exec_driver_sql("UPDATE tally SET reserved = reserved + 1 WHERE disabled > 0")
        connection.exec_driver_sql("UPDATE tally SET disabled = disabled - 1 WHERE disabled > 0")


@BOTH
def test_who_was_erased_is_erased_in_a_restored_database(discount, store, tmp_path):
    erase(store, "user1")
    file = tmp_path / "erasures"
    exported = discount("erasures", "export", file)
    assert (0, "") == (exported.exit_code, exported.stdout)
    assert f"1 erasure is in {file}." in exported.stderr
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    sound = discount("verify", "--erasures", file)
    assert 0 == sound.exit_code, sound.stderr
    restore(store, "user1")
    assert 0 == discount("verify").exit_code
    missing = discount("verify", "--erasures", file)
    assert 1 == missing.exit_code
    assert "erasures: brand 'brand' (1)" in missing.stderr
    assert "user1" not in missing.output
    applied = discount("erasures", "apply", file)
    assert (0, "1 user was erased again.\n") == (applied.exit_code, applied.stderr)
    assert "0 users were" in discount("erasures", "apply", file).stderr
    verified = discount("verify", "--erasures", file)
    assert 0 == verified.exit_code, verified.output
    assert store.find_reservation("brand", "default", "user1", NOW) is None
    assert store.find_reservation("brand", "default", "user2", NOW)


@on_sqlite
def test_a_list_has_no_user_id_and_nobody_who_was_forgotten(discount, store, tmp_path):
    erase(store, "user1")
    erase(store, "user2", forget=True)
    discount("erasures", "export", tmp_path / "erasures")
    (line,) = (tmp_path / "erasures").read_text().splitlines()
    (tombstone,) = TOMBSTONES("brand", "user1")
    assert {"brand": "brand", "tombstone": tombstone, "erased_at": NOW + 1} == json.loads(line)


@on_sqlite
def test_who_came_back_after_the_erasure_stays(discount, store, tmp_path):
    erase(store, "user1")
    discount("erasures", "export", tmp_path / "erasures")
    with store._database.transaction() as connection:  # noqa: SLF001
        connection.exec_driver_sql(
            "INSERT INTO campaign (brand_id, id, name, created_at) VALUES (1, 2, 'other', 1)"
        )
        connection.exec_driver_sql("INSERT INTO tally (brand_id, campaign_id) VALUES (1, 2)")
        connection.exec_driver_sql("UPDATE tally SET available = 1 WHERE campaign_id = 2")
        connection.exec_driver_sql(
            "INSERT INTO code (brand_id, campaign_id, code, state, created_at) "
            "VALUES (1, 2, 'EEEE', 'available', 1)"
        )
    store.reserve("brand", "other", "user1", NOW + 2)
    assert 0 == discount("verify", "--erasures", tmp_path / "erasures").exit_code
    assert "0 users" in discount("erasures", "apply", tmp_path / "erasures").stderr


@on_sqlite
def test_all_keys_are_tried(discount, store, tmp_path, monkeypatch):
    erase(store, "user1")
    discount("erasures", "export", tmp_path / "erasures")
    restore(store, "user1")
    monkeypatch.setenv("DISCOUNT_ERASURE_KEY", f"{OTHER}\n{KEY}")
    assert "1 user was" in discount("erasures", "apply", tmp_path / "erasures").stderr


@on_sqlite
@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"brand": "brand", "tombstone": "user1", "erased_at": 1}',
        b'{"brand": "brand", "tombstone": "/0.0", "erased_at": "1"}',
        b'{"brand": "brand", "tombstone": "/0.0", "erased_at": true}',
        b'{"brand": "brand", "tombstone": "/0.0", "erased_at": 1, "user": "user1"}',
    ],
)
def test_what_is_no_list_of_erasures_is_refused(discount, store, tmp_path, line):
    file = tmp_path / "erasures"
    file.write_bytes(b'{"brand": "brand", "tombstone": "/0.0", "erased_at": null}\n' + line)
    for words in (("erasures", "apply"), ("verify", "--erasures")):
        refused = discount(*words, file)
        assert (1, f"Error: {file}: line 2 is not an erasure.\n") == (
            refused.exit_code,
            refused.stderr,
        )


@on_sqlite
def test_without_its_key_or_file_it_says_what_is_missing(discount, store, tmp_path, monkeypatch):
    absent = discount("erasures", "apply", tmp_path / "none")
    assert (1, "none cannot be read: No such file or directory.") == (
        absent.exit_code,
        absent.stderr.strip().rpartition("/")[2],
    )
    (tmp_path / "erasures").touch()
    there = discount("erasures", "export", tmp_path / "erasures")
    assert (1, True) == (there.exit_code, "cannot be made: File exists" in there.stderr)
    monkeypatch.delenv("DISCOUNT_ERASURE_KEY")
    monkeypatch.setenv("DISCOUNT_ENV", "production")
    keyless = discount("erasures", "apply", tmp_path / "erasures")
    assert (1, True) == (keyless.exit_code, "DISCOUNT_ERASURE_KEY" in keyless.stderr)
