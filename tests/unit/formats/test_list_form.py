"""The form of a list follows from its media type, or from the name of its file."""

import pytest

from service.formats.code_lists import Position, read_rows
from service.formats.columns import CODE
from service.formats.list_form import MEDIA_TYPES, ListForm, ListType
from service.formats.tables import written


@pytest.mark.parametrize(
    ("name", "form"),
    [("codes.ndjson", "ndjson"), ("codes.jsonl", "ndjson"), ("codes.csv", "csv"), ("-", "csv")],
)
def test_the_name_of_a_file_says_how_it_is_written(name, form):
    assert form == ListForm.of_file(name)


@pytest.mark.parametrize("list_type", ListType)
def test_each_form_is_read_as_it_is_written(list_type):
    content = b"".join(written([CODE], [[["AAAA"], ["BBBB"]]], list_type))
    rows = read_rows(list_type.form, Position(), content, last=True)
    assert ["AAAA", "BBBB"] == [code for code, _ in rows.good]


def test_a_sentence_names_all():
    assert "`text/csv` or `application/x-ndjson`" == MEDIA_TYPES
