"""Ids of codes: 128 bits under the key of a brand."""

import hmac
import re

from service.domain.code_ids import code_id


def test_it_is_half_of_the_hmac_of_the_code():
    whole = hmac.new(b"key", b"CODE1", "sha256").hexdigest()
    assert whole[:32] == code_id(b"key", "CODE1")
    assert re.fullmatch("[0-9a-f]{32}", code_id(b"key", "CODE1"))


def test_another_key_or_code_has_another():
    assert len({code_id(key, code) for key in (b"a", b"b") for code in ("C1", "C2")}) == 4
