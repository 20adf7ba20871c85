"""Lists of codes: the same rows however they are split, and limits."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.codes import MAX_LENGTH, PATTERN, is_code
from service.formats.list_form import ListForm
from service.formats.refusals import MAX_ROW_BYTES, Reason, Refusal
from tests.unit.formats.reading import read, read_csv, read_ndjson

CODES = st.from_regex(PATTERN.replace("$", r"\Z"), fullmatch=True)

MESS = st.text('",\n\r-AB12{}:\ufeff cde').map(str.encode) | st.binary(max_size=100)

CELLS = st.one_of(CODES, st.text(st.characters(codec="utf-8", exclude_characters="\0\r")))


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_what_pythons_csv_writes_is_read_as_its_csv_reads_it(table, end):
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=end)
    writer.writerow(["note", "code"])
    writer.writerows(table)

    good, refused = read_csv(written.getvalue().encode())

    rows = [*csv.reader(io.StringIO(written.getvalue(), newline=""))][1:]
    theirs = [row[1] for row in rows if any(cell.strip(" \t") for cell in row)]
    assert [code for code in theirs if is_code(code)] == [code for code, _ in good]
    assert len(theirs) == len(good) + len(refused)


@given(MESS, st.data(), st.sampled_from(ListForm))
def test_where_a_list_is_cut_changes_nothing(content, data, form):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5)))
    blocks = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert read(form, content) == read(form, *blocks)


@given(st.lists(CODES))
def test_every_legal_code_is_read_from_either_form(codes):
    expected = [(code, line) for line, code in enumerate(codes, 2)]
    assert (expected, []) == read_csv("\n".join(["code", *codes]).encode())
    lines = ["", *(json.dumps({"code": code, "state": "available"}) for code in codes)]
    assert (expected, []) == read_ndjson("\r\n".join(lines).encode())


def test_rows_of_commas_alone_are_blank():
    """Spreadsheets write such rows for deleted cells."""
    content = b",,\r\ncode,state,\r\n,,\r\nAB12,,\r\n , ,\r\nCD34,,\r\n,,\r\n,,"
    assert ([("AB12", 4), ("CD34", 6)], []) == read_csv(content)
    assert ([("AB12", 1)], []) == read_csv(b"AB12\n,,,\n,\n \n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"code":"AB12"},{"code":"CD34"}]', Reason.ARRAY),
        (b'\xef\xbb\xbf\n[\n{"code":"AB12"}\n]', Reason.ARRAY),
        (b'{\n  "code": "AB12"\n}\n', Reason.SEVERAL_LINES),
        (b'{"code":\n"AB12"\n}\n', Reason.SEVERAL_LINES),
        (b'{"code": "AB12",\r\n "note": 1}\r\n', Reason.SEVERAL_LINES),
        (b'{"note": {"by": "me"},\n "code": "AB12"}\n', Reason.SEVERAL_LINES),
        (b'{"code":"AB12"},\n{"code":"CD34"}\n', Reason.SEPARATED_OBJECTS),
        (b'{"code":"AB12"};\r\n{"code":"CD34"};\r\n', Reason.SEPARATED_OBJECTS),
        (b"code\nAB12\n", Reason.NO_OBJECTS),
        (b"AB12\nCD34\n", Reason.NO_OBJECTS),
        (b'"AB12"\n"CD34"\n', Reason.NO_OBJECTS),
        (b'\x1e{"code":"AB12"}\n', Reason.NO_OBJECTS),
    ],
)
def test_json_that_is_not_a_line_for_each_code_is_named(content, reason):
    good, (refused,) = read_ndjson(content)
    assert ([], reason) == (good, refused.reason)


def test_ndjson_may_begin_with_a_byte_order_mark_and_blank_lines():
    content = b'\xef\xbb\xbf\r\n\n{"code":"AB12"}\n\n'
    assert ([("AB12", 3)], []) == read_ndjson(content)


@pytest.mark.parametrize("header", ["code", "voucher", "Coupon-Code", "promo"])
@pytest.mark.parametrize("rest", ["", ",note"])
def test_a_header_that_comes_again_is_no_code(header, rest):
    """Concatenated files have a mark in their middle."""
    lines = [f"{header}{rest}", *(f"{code}{rest}" for code in ("AB12", header, "CD34"))]
    content = "".join(f"{line}\n" for line in lines).encode()
    expected = [("AB12", 2), ("CD34", 4)], [Refusal(3, Reason.HEADER_AGAIN)]
    assert expected == read_csv(content)
    assert expected == read_csv(content[:15], content[15:])


def test_lines_are_counted_within_quoted_fields_too():
    content = b'note,code\n"two\nlines, and a "" quote",AB12\n"",CD34\n'
    assert ([("AB12", 2), ("CD34", 4)], []) == read_csv(content)


def test_blank_lines_are_no_rows():
    assert ([("AB12", 2), ("CD34", 5)], []) == read_csv(b"\nAB12\r\n\r\n\nCD34\n\n")
    assert ([("AB12", 2)], []) == read_ndjson(b'\n{"code":"AB12"}\n\r\n  \n')


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"ABC", Reason.LENGTH),
        (b"A" * (MAX_LENGTH + 1), Reason.LENGTH),
        (b"AB 12", Reason.CHARACTERS),
        (b"AB12 ", Reason.CHARACTERS),
        (b"-AB12", Reason.CHARACTERS),
        (b"=1+2", Reason.CHARACTERS),
        (b"AB\x0012", Reason.CHARACTERS),
        ("ÄB12".encode(), Reason.CHARACTERS),
        (b'""', Reason.MISSING),
        (b"AB12,CD34", Reason.FIELDS),
        (b'AB"12', Reason.MALFORMED),
        (b'"AB12" ', Reason.MALFORMED),
        (b'"AB12",C\rD', Reason.MALFORMED),
        (b"AB\xff12", Reason.NOT_UTF8),
    ],
)
def test_a_row_of_csv_is_refused_alone_and_by_its_line(row, reason):
    content = b"code\nAAAA\n" + row + b"\nBBBB\n"
    assert ([("AAAA", 2), ("BBBB", 4)], [Refusal(3, reason)]) == read_csv(content)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"code":"ABC"}', Reason.LENGTH),
        (b'{"code":"AB_12"}', Reason.CHARACTERS),
        (b'{"code":""}', Reason.MISSING),
        (b'{"code":1234}', Reason.MISSING),
        (b'{"Code":"AB12"}', Reason.MISSING),
        (b'{"code":"AB12","code":"CD34"}', Reason.MALFORMED),
        (b'{"code":"AB12","n":NaN}', Reason.MALFORMED),
        (b'{"code":"AB12"', Reason.MALFORMED),
        (b'"AB12"', Reason.MALFORMED),
        (b"[" * 60_000, Reason.MALFORMED),
        (b'{"code":"AB12","n":' + b"1" * 60_000 + b"}", Reason.MALFORMED),
        (b'{"code":"AB\xff12"}', Reason.NOT_UTF8),
    ],
)
def test_a_line_of_ndjson_is_refused_alone_and_by_its_number(row, reason):
    content = b'{"code":"AAAA"}\n' + row + b'\n{"code":"BBBB"}'
    assert ([("AAAA", 1), ("BBBB", 3)], [Refusal(2, reason)]) == read_ndjson(content)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"a,b\n1,2\n", Refusal(1, Reason.NO_COLUMN)),
        (b"code,code\n1,2\n", Refusal(1, Reason.NO_COLUMN)),
        (b"voucher,coupon\n1,2\n", Refusal(1, Reason.NO_COLUMN)),
        (b"code;state\nAB12;available\n", Refusal(1, Reason.SEMICOLONS)),
        (b'\xef\xbb\xbf"code";"a,b"\r\n', Refusal(1, Reason.SEMICOLONS)),
        (b"AB12;10,50;x\n", Refusal(1, Reason.SEMICOLONS)),
        (b"code\tstate\nAB12\tavailable\n", Refusal(1, Reason.TABS)),
        (b"code|state\n", Refusal(1, Reason.BARS)),
        (b"\r\nsep=;\r\ncode;state\r\n", Refusal(2, Reason.SEPARATOR)),
        (b'{"code":"AB12"}\n', Refusal(1, Reason.JSON)),
        (b"a" * (MAX_ROW_BYTES + 1), Refusal(1, Reason.ROW_TOO_LONG)),
        (b"AAAA\n" + b"," * MAX_ROW_BYTES + b",\nBBBB", Refusal(2, Reason.ROW_TOO_LONG)),
        (b'note,code\n"' + b"AB12,\n" * 20_000, Refusal(2, Reason.ROW_TOO_LONG)),
        (b'note,code\n"' + b'""\n' * 40_000, Refusal(2, Reason.ROW_TOO_LONG)),
    ],
    ids=[
        *("no column", "two columns", "two known headers", "semicolons", "quoted semicolons"),
        *("decimal commas", "tabs", "bars", "another separator", "JSON"),
        *("one long row", "many columns", "no end quote", "quotes"),
    ],
)
def test_a_list_that_nobody_can_read_on_is_refused_from_there(content, refusal):
    for blocks in ([content], [content[:1000], content[1000:70_000], content[70_000:]]):
        assert refusal == read_csv(*blocks)[1][-1]


def test_rows_refused_before_a_list_becomes_unreadable_are_reported():
    content = b"code\nAAAA\nno\n" + b"," * MAX_ROW_BYTES + b",\nBBBB"
    refused = [Refusal(3, Reason.LENGTH), Refusal(4, Reason.ROW_TOO_LONG)]
    assert ([("AAAA", 2)], refused) == read_csv(content)


def test_every_reason_says_something():
    assert all(reason.text.endswith(".") for reason in Reason)
