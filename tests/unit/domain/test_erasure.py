"""Tombstones of erased users, from keys that rotate."""

import hashlib
import hmac
import re

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.domain.erasure import (
    is_tombstone,
    key_id,
    no_tombstones,
    random_tombstone,
    tombstones_of,
)
from service.domain.names import MAX_USER, is_name

OLD, NEW = "an erasure key of the last year, retired", "the erasure key that is used from now on"
FORM = re.compile(r"/[0-9a-f]{8}\.[0-9a-f]{64}")


def test_a_tombstone_is_the_hmac_of_the_user_with_the_brands_key():
    derived = HKDF(SHA256(), 32, salt=None, info="märz".encode()).derive(NEW.encode())
    expected = hmac.new(derived, "Jürgen".encode(), "sha256").hexdigest()
    key = hashlib.sha256(NEW.encode()).hexdigest()[:8]
    assert (f"/{key}.{expected}",) == tombstones_of(lambda: [NEW])("märz", "Jürgen")


def test_the_first_key_is_used_and_all_are_probed():
    both = tombstones_of(lambda: [NEW, OLD])("brand1", "user1")
    assert [f"/{key_id(NEW)}", f"/{key_id(OLD)}"] == [each.split(".")[0] for each in both]
    assert both[1:] == tombstones_of(lambda: [OLD])("brand1", "user1")


def test_keys_may_change_at_any_time():
    keys = [OLD]
    tombstones = tombstones_of(lambda: keys)
    before = tombstones("brand1", "user1")
    keys.insert(0, NEW)
    assert before == tombstones("brand1", "user1")[1:]


def test_brands_and_users_have_tombstones_of_their_own():
    tombstones = tombstones_of(lambda: [NEW])
    pairs = [("brand1", "user1"), ("brand1", "user2"), ("brand2", "user1"), ("brand1u", "ser1")]
    assert len(pairs) == len({tombstones(*pair) for pair in pairs})


def test_a_tombstone_is_no_users_id():
    assert not is_tombstone("user1")
    for tombstone in (*tombstones_of(lambda: [NEW])("brand1", "user1"), random_tombstone()):
        assert is_tombstone(tombstone)
        assert FORM.fullmatch(tombstone)
        assert not is_name(tombstone, MAX_USER)


def test_nothing_links_a_random_tombstone():
    assert random_tombstone() != random_tombstone()
    assert random_tombstone().startswith("/00000000.")


def test_without_a_key_there_is_no_tombstone():
    assert () == no_tombstones("brand1", "user1")
    assert () == tombstones_of(list)("brand1", "user1")
