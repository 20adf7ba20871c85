"""Timestamps: RFC 3339 with an offset, in; UTC with milliseconds, out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.formats.timestamps import parse_timestamp, timestamp

BEGIN, END = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999."""


@given(st.integers(BEGIN, END))
def test_what_is_answered_is_understood(moment):
    assert moment == parse_timestamp(timestamp(moment) or "")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-12-24T18:00:00+01:00", "2026-12-24T17:00:00.000Z"),
        ("2026-12-24T18:00:00-00:30", "2026-12-24T18:30:00.000Z"),
        ("2026-12-24t18:00:00z", "2026-12-24T18:00:00.000Z"),
        ("2026-12-24T18:00:00.5Z", "2026-12-24T18:00:00.500Z"),
        ("2026-12-24T18:00:00.0019999999Z", "2026-12-24T18:00:00.001Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000Z"),
    ],
)
def test_other_spellings(text, same):
    assert same == timestamp(parse_timestamp(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-12-24", "a time and an offset beside the date"),
        ("2026-12-24T18:00:00", "with an offset"),
        ("2026-12-24 18:00:00Z", "RFC 3339"),
        ("2026-12-24T18:00Z", "RFC 3339"),
        ("20261224T180000Z", "RFC 3339"),
        ("2026-W52-4T18:00:00Z", "RFC 3339"),
        ("2026-12-24T18:00:00+0100", "RFC 3339"),
        ("2026-12-24T18:00:00Z\n", "RFC 3339"),
        ("٢٠٢٦-12-24T18:00:00Z", "RFC 3339"),
        ("", "RFC 3339"),
        ("2026-02-29T00:00:00Z", "no such time"),
        ("2026-12-24T24:00:00Z", "no such time"),
        ("2026-12-24T23:59:60Z", "no such time"),
        ("2026-12-24T18:00:00+24:00", "no such time"),
        ("0000-12-24T18:00:00Z", "no such time"),
        ("9999-12-31T23:59:59-01:00", "no such time"),
        ("0001-01-01T00:00:00+01:00", "no such time"),
    ],
)
def test_what_is_no_timestamp_gets_a_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_timestamp(text)
