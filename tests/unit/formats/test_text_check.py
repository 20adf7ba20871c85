"""Data that is not a text of rows is refused while it is received."""

import pytest

from service.domain.errors import InvalidRequest, TooLarge
from service.formats import text_check
from service.formats.refusals import MAX_ROW_BYTES
from service.formats.text_check import TextCheck


def lines(*blocks):
    check = TextCheck()
    for block in blocks:
        check.check(block)
    return check.lines()


@pytest.mark.parametrize(
    ("blocks", "count"),
    [
        ([b"AAAA"], 1),
        ([b"AAAA\n"], 1),
        ([b"AA", b"AA\nBB", b"BB"], 2),
        ([b"AAAA\r\nBBBB\r", b"\n"], 2),
        ([b"x" * MAX_ROW_BYTES, b"\nAAAA"], 2),
    ],
)
def test_lines_are_counted_wherever_blocks_end(blocks, count):
    assert count == lines(*blocks)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "empty"),
        ([b"\xff", b"\xfeA\0"], "UTF-16"),
        ([b"AA\0A"], "NUL"),
        ([b"AAAA\rBBBB", b"\rCCCC"], "CR"),
        ([b"AAAA\n", b"x" * MAX_ROW_BYTES, b"x"], "Line 2 is longer"),
    ],
)
def test_what_is_no_text_with_rows_is_refused(blocks, words):
    with pytest.raises(InvalidRequest) as refused:
        lines(*blocks)
    (error,) = refused.value.errors
    assert words in error.detail


def test_too_many_lines_are_refused(monkeypatch):
    monkeypatch.setattr(text_check, "MAX_LINES", 2)
    with pytest.raises(TooLarge):
        lines(b"A\nA\n", b"A\n")
