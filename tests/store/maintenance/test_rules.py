"""The domain's rules of names and codes in the SQL of `discount verify`, for each engine."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service.domain.codes import MAX_LENGTH, is_code
from service.domain.erasure import random_tombstone
from service.domain.names import MAX_NAME, MAX_USER, is_name
from service.store.engines import engine_of
from tests.support.examples import examples
from tests.support.names import illegal_names, legal_names, text_of_utf8

NEAR_CODES = st.text("aZ09-_é \n", max_size=MAX_LENGTH + 2) | st.from_regex(
    rf"\A[A-Za-z0-9-]{{1,{MAX_LENGTH + 2}}}\n?\Z"
)
TOMBSTONE = re.compile(r"/[0-9a-f]{8}\.[0-9a-f]{64}")
NEAR_TOMBSTONES = st.builds(random_tombstone) | st.from_regex(
    r"\A/[0-9a-fA-F]{7,9}[./][0-9a-f]{63,65}\n?\Z"
)


def can_be_stored(name):
    """Return whether PostgreSQL can store a text; no rule need judge others."""
    return "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)


def near_names(longest):
    names = legal_names(longest) | illegal_names(longest) | text_of_utf8(max_size=longest + 2)
    return (names | st.sampled_from(["", " ", "a\n", "\x7f", "\x9f", "\xa0"])).filter(can_be_stored)


@pytest.mark.parametrize(
    ("rule", "column", "texts", "is_legal"),
    [
        ("legal_name", "name", near_names(MAX_NAME), is_name),
        ("legal_user", "user_id", near_names(MAX_USER), lambda user: is_name(user, MAX_USER)),
        ("tombstone", "user_id", NEAR_TOMBSTONES, TOMBSTONE.fullmatch),
        ("legal_code", "code", NEAR_CODES | near_names(MAX_NAME), is_code),
    ],
)
def test_the_database_judges_as_the_service_does(
    database_url, store, engine, rule, column, texts, is_legal
):
    store.close()
    inspection = engine_of(database_url).inspection()
    each = {
        "sqlite": "json_each(:texts) AS given",
        "postgresql": "json_array_elements_text(CAST(:texts AS JSON)) AS given (value)",
    }[engine]
    query = text(
        f"SELECT {inspection.rules[rule]} FROM (SELECT value AS {column} FROM {each}) AS t"
    )
    with inspection.snapshot(database_url) as connection:

        @settings(max_examples=examples(12))
        @given(st.lists(texts, min_size=20, max_size=50))
        def agree(texts):
            judged = connection.execute(query, {"texts": json.dumps(texts)}).scalars().all()
            assert [bool(is_legal(text)) for text in texts] == [bool(legal) for legal in judged]

        agree()
