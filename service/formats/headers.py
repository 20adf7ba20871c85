"""The first row of a list of codes: a header, a code, or evidence of another format.

A word in the first row may be a header or a code, and a program must not guess: `voucher` at the
top of a column is a header, though it would be a valid code. Ambiguous words are refused with a
reason.
"""

import re
from typing import NamedTuple

from service.domain.codes import is_code
from service.formats.columns import CODE
from service.formats.records import fields_of, is_object
from service.formats.refusals import Reason, RefusedRow, UnreadableList

_KNOWN = re.compile(
    r"((voucher|coupon|discount|promo|promotion|promotional|gift|gift ?card|redemption|activation"
    r"|unique|gutschein|aktions|rabatt) ?(codes?|number|no)|codes?|vouchers?|coupons?|promo"
    r"|gift ?cards?|gutscheine?|code promo|gutscheinnummer)"
)
"""Names of columns with codes."""
_DOUBTFUL = re.compile(
    r"barcodes?|columns?|data|discounts?|field|headers?|id|ids|items?|keys?|lists?|names?|numbers?"
    r"|pins?|serials?|sku|titles?|tokens?|values?|column ?\d|field ?\d"
)
"""Names of other columns; in the first row, these are more likely headers than codes."""
_FOREIGN = re.compile(
    r"[a-z ]*(codes?|codigos?|codice|codici|kode[rn]?|kod[uy]?)|(code|codigo|kod) ?[a-z]+"
    r"|e ?vouchers?|[a-z ]*kupon[a-z]*|bons?|promos|promotions?|offers?|redeem|referrals?"
    r"|cards?|licen[cs]es?|alias|campaigns?|e ?mails?|users?|(code|coupon|promo|voucher) ?ids?"
    r"|feld ?\d*|listen?|spalte ?\d*|werte?|sheet ?\d"
)
"""The same in other languages and words; similar codes would be in capitals."""
_QUOTED = re.compile(rb'"(?:[^"]|"")*"')
_NAMED_SEPARATOR = re.compile(rb'"?sep=(.+?)"?\s*', re.IGNORECASE)
_OTHER_SEPARATORS = {b";": Reason.SEMICOLONS, b"\t": Reason.TABS, b"|": Reason.BARS}


class CodeColumn(NamedTuple):
    """The column of the codes in CSV."""

    number: int
    """Counted from 0."""
    width: int
    """Columns of a row."""
    name: str | None
    """The name in the header; `None` if the first row is no header."""


def names_the_comma(record: bytes, number: int) -> bool:
    """Return whether a row is Excel's `sep=` line that names the comma.

    Raises:
        UnreadableList: The line names another separator.
    """
    named = _NAMED_SEPARATOR.fullmatch(record)
    if named and named[1] != b",":
        raise UnreadableList(number, Reason.SEPARATOR)
    return named is not None


def code_column(record: bytes, number: int) -> CodeColumn:
    """Find the column of the codes in the first row of CSV, which is the line `number`.

    Raises:
        UnreadableList: The row does not show the column.
        RefusedRow: The row is neither a code nor a known header.
    """
    _require_commas(record, number)
    fields = _fields(record, number)
    names = [_plain(name) for name in fields]
    found = [at for at, name in enumerate(names) if name == CODE] or [
        at for at, name in enumerate(names) if _KNOWN.fullmatch(name)
    ]
    if len(found) == 1:
        return CodeColumn(found[0], len(names), fields[found[0]])
    if len(names) > 1:
        raise UnreadableList(number, Reason.NO_COLUMN)
    return CodeColumn(0, 1, None)


def require_code(text: str) -> None:
    """Require that the only field of a first row is a code.

    Raises:
        RefusedRow: The field is not a code, or may be a header.
    """
    name = _plain(text)
    doubtful = _DOUBTFUL.fullmatch(name) or (not text.isupper() and _FOREIGN.fullmatch(name))
    if text and (not is_code(text) or doubtful):
        raise RefusedRow(Reason.UNKNOWN_HEADER)


def require_lines_of_json(line: bytes, number: int) -> None:
    """Require that the first row of NDJSON is an object on a single line.

    The reader of the row checks its content, and whether it is well-formed.

    Raises:
        UnreadableList: It is of another form.
    """
    text = line.strip()
    if text.startswith(b"["):
        raise UnreadableList(number, Reason.ARRAY)
    if not text.startswith(b"{"):
        raise UnreadableList(number, Reason.NO_OBJECTS)
    if text.endswith((b",", b";")) and is_object(text[:-1]):
        raise UnreadableList(number, Reason.SEPARATED_OBJECTS)
    if text.endswith((b"{", b",", b"[", b":")):
        raise UnreadableList(number, Reason.SEVERAL_LINES)


def _require_commas(record: bytes, number: int) -> None:
    """Require that a first row is not of another format.

    Raises:
        UnreadableList: It is.
    """
    if record.lstrip().startswith((b"{", b"[")):
        raise UnreadableList(number, Reason.JSON)
    bare = _QUOTED.sub(b"", record)
    for separator, reason in _OTHER_SEPARATORS.items():
        if separator in bare.strip(b" \t\r") and (b"," not in bare or bare.count(separator) > 1):
            raise UnreadableList(number, reason)


def _fields(record: bytes, number: int) -> list[str]:
    try:
        return fields_of(record)
    except RefusedRow as error:
        raise UnreadableList(number, error.reason) from error


def _plain(name: str) -> str:
    """Return a name for comparison: case-folded, with single spaces between words."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
