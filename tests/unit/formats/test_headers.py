"""The first row of a list: a header, a code, or evidence of another format."""

import pytest

from service.formats.refusals import Reason, Refusal
from tests.unit.formats.reading import read_csv


@pytest.mark.parametrize(
    "content",
    [
        b"AB12\nCD34\n",
        b"AB12\r\nCD34",
        b"\xef\xbb\xbfAB12\nCD34\n",
        b'"AB12"\n"CD34"\n',
    ],
    ids=["plain", "CRLF, and no end of the last line", "a byte order mark", "quoted"],
)
def test_a_header_is_optional(content):
    assert ([("AB12", 1), ("CD34", 2)], []) == read_csv(content)
    with_header = content.replace(b"\xef\xbb\xbf", b"")
    assert ([("AB12", 2), ("CD34", 3)], []) == read_csv(b"\xef\xbb\xbfCode\r\n" + with_header)


@pytest.mark.parametrize(
    "header",
    [
        *("code", " CODE ", '"Code"', "voucher", "Vouchers", "Coupon Code", "discount_code"),
        *("PROMO-CODE", "promo", "gift card code", "Gutscheincode", "sep=,\r\ncode"),
        *("\ufeffVoucher Code", ",,\n\nvoucher", "Coupon,", "note,code,coupon"),
    ],
)
def test_what_a_column_of_codes_is_called_is_known(header):
    before, names = header.count("\n") + 1, header.rpartition("\n")[2].split(",")
    at = 1 if "note" in names else 0
    row = ",".join("AB12" if number == at else "" for number in range(len(names)))
    assert ([("AB12", before + 1)], []) == read_csv(f"{header}\n{row}\n".encode())


@pytest.mark.parametrize(
    "first",
    [
        *("serial", "Number", "value", "ID", "Column1", "my best codes", "ABC", "Nr.", "A" * 65),
        *("codepromo", "Codigo", "codice", "Kode", "rabatkode", "kuponkod", "kortingscode"),
        *(
            "Freischaltcode",
            "Access-Code",
            "E-Voucher",
            "Kupon",
            "Promotion",
            "voucherid",
            "Spalte1",
        ),
    ],
)
def test_a_first_row_that_is_neither_a_code_nor_a_known_header_is_refused(first):
    expected = ([("AB12", 2)], [Refusal(1, Reason.UNKNOWN_HEADER)])
    assert expected == read_csv(f"{first}\nAB12\n".encode())


@pytest.mark.parametrize(
    "code", ["WELCOME", "SUMMER", "CODE-1", "VOUCHER-2026", "PROMO25", "FIRST-CODE"]
)
def test_a_first_row_that_is_like_a_header_may_be_a_code(code):
    assert ([(code, 1)], []) == read_csv(f"{code}\n".encode())


def test_a_word_that_heads_nothing_is_a_code():
    assert ([("voucher", 2)], []) == read_csv(b"code\nvoucher\n")
    assert ([("AB12", 1), ("voucher", 2)], []) == read_csv(b"AB12\nvoucher\n")
