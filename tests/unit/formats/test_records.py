"""Rows of a simple form, which are read many at a time, as they are read alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.schemas import responses
from service.formats.columns import CODE_COLUMNS, REPORT_COLUMNS
from service.formats.list_form import ListType
from service.formats.records import PLAIN_OBJECTS
from service.formats.refusals import Reason, Refusal
from service.formats.tables import code_table, written
from tests.unit.formats.reading import read_csv, read_ndjson

# Nearly plain rows: each must be read as
NEARLY = st.lists(
    st.sampled_from(
        ["AB12", "CD-34", "A", '"EF56"', "", " GH78", "é", "\r", "I" * 65, "J\rK", "-LMNO", "n,o"]
    ),
    min_size=1,
    max_size=3,
).map(",".join)


@given(st.lists(NEARLY), st.sampled_from(["code", "note,code", "code,note", "a,code,b"]))
def test_rows_are_read_together_as_they_are_read_alone(rows, header):
    lines = [f"{row}\n".encode() for row in rows]
    first = f"{header}\n".encode()
    assert read_csv(first, *lines) == read_csv(first, b"".join(lines))


MEMBERS = st.dictionaries(
    st.sampled_from([*CODE_COLUMNS, "other"]), st.sampled_from(["AB12", None, "a\\b", "é", 1])
)


@given(st.lists(MEMBERS), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_objects_are_read_together_as_they_are_read_alone(objects, separators):
    lines = [f"{json.dumps(each, separators=separators)}\n".encode() for each in objects]
    assert read_ndjson(*lines) == read_ndjson(b"".join(lines))


def test_a_member_that_comes_twice_is_found_among_plain_ones():
    content = b'{"code":"AB12"}\n{"code":"CD34","state":null,"state":null}\n'
    assert ([("AB12", 1)], [Refusal(2, Reason.MALFORMED)]) == read_ndjson(content)


def test_what_an_export_says_of_a_code_is_plain():
    """Otherwise the import of an export would take many times as long."""
    table = code_table([[("SUMMER-1", "redeemed", 1_000, 2_000, None, 3_000, 2, 0)]])
    exported = b"".join(written(CODE_COLUMNS, table, ListType.NDJSON)).decode()
    assert ["SUMMER-1"] == PLAIN_OBJECTS.findall(exported)


@pytest.mark.parametrize(
    ("columns", "schema"),
    [(CODE_COLUMNS, responses.CodeObject), (REPORT_COLUMNS, responses.RefusalObject)],
)
def test_columns_are_the_members_that_the_document_describes(columns, schema):
    assert columns == tuple(schema().fields)
