"""Exports: one snapshot in the accepted format, which is closed whatever happens."""

import csv
import io
import json

import pytest

from service.domain.codes import is_code
from service.formats.list_form import ListType
from service.formats.tables import FORMULA, written
from tests.api.conftest import C
from tests.support.tokens import bearer

EXPORT = f"{C}/export"


@pytest.fixture
def export(client, auth, codes):
    """Read an export completely, and close it, as a server does."""

    def take(query="", accept=None, headers=auth):
        headers = headers | ({"Accept": accept} if accept else {})
        return client.get(f"{EXPORT}{query}", headers=headers, buffered=True)

    return take


def rows_of(answer):
    """Parse an export by its media type."""
    if answer.mimetype == "text/csv":
        return [
            {name: value or None for name, value in row.items()} | {"version": int(row["version"])}
            for row in csv.DictReader(io.StringIO(answer.text, newline=""))
        ]
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("list_type", ListType)
def test_an_export_has_what_the_listing_has(client, auth, export, list_type):
    client.put(f"{C}/reservations/user1", headers=auth)
    answer = export(accept=list_type)
    assert 200 == answer.status_code
    assert list_type == answer.mimetype
    assert "no-store" == answer.headers["Cache-Control"]
    assert client.get(f"{C}/codes", headers=auth).json["items"] == rows_of(answer)


def test_csv_begins_with_a_header_even_if_no_code_follows(export):
    answer = export("?state=redeemed")
    assert "code,state,created_at,reserved_at,expires_at,redeemed_at,version\r\n" == answer.text
    assert "" == export("?state=redeemed", ListType.NDJSON).text


def test_only_codes_in_the_state_are_exported(client, auth, codes, export):
    held = client.put(f"{C}/reservations/user1", headers=auth).json["discount_code"]
    reserved = rows_of(export("?state=reserved"))
    available = rows_of(export("?state=available"))
    assert [held] == [row["code"] for row in reserved]
    assert {*codes} - {held} == {row["code"] for row in available}


@pytest.mark.parametrize(
    ("accept", "list_type"),
    [
        (None, ListType.CSV),
        ("*/*", ListType.CSV),
        ("text/*", ListType.CSV),
        ("application/x-ndjson", ListType.NDJSON),
        ("text/csv;q=0.5, application/x-ndjson", ListType.NDJSON),
        ("application/json, text/csv;q=0.1", ListType.CSV),
    ],
)
def test_the_caller_chooses_by_accept(export, accept, list_type):
    answer = export(accept=accept)
    assert list_type == answer.mimetype
    assert "Accept" == answer.headers["Vary"]


def test_no_other_type_is_to_be_had(export, refused):
    refused(export(accept="application/json"), 406, "not-acceptable")


def test_what_is_not_there_cannot_be_exported(client, auth, codes, refused):
    other = client.get("/v1/brands/other/campaigns/default/export", headers=auth)
    refused(other, 404, "brand-not-found")
    other = client.get("/v1/brands/brand1/campaigns/other/export", headers=auth)
    refused(other, 404, "campaign-not-found")
    lost = client.get(f"{EXPORT}?state=lost", headers=auth)
    refused(lost, 400, "invalid-request", "/state")


def test_reading_is_not_enough_to_export(export, refused):
    refused(export(headers=bearer(scope="discounts:read")), 403, "forbidden")


def test_an_export_is_of_the_moment_when_it_began(client, auth):
    more = {"number_to_create": 1000}
    for _ in range(3):
        client.post(f"{C}/codes", json=more, headers=auth)
    before = client.get(C, headers=auth).json["counts"]
    answer = client.get(EXPORT, headers=auth, buffered=False)
    parts = answer.iter_encoded()
    begun = next(parts)
    assert 201 == client.post(f"{C}/codes", json=more, headers=auth).status_code
    assert 201 == client.put(f"{C}/reservations/user1", headers=auth).status_code
    text = (begun + b"".join(parts)).decode()
    answer.close()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert sum(before.values()) == len(rows)
    assert {"available"} == {row["state"] for row in rows}


def test_an_export_that_nobody_takes_lets_go_of_everything(client, auth, export, log):
    for _ in range(3):
        client.post(f"{C}/codes", json={"number_to_create": 1000}, headers=auth)
    for _ in range(10):  # more than there are connections
        answer = client.get(EXPORT, headers=auth, buffered=False)
        next(answer.iter_encoded())
        answer.close()
    assert 200 == export().status_code
    lines = [json.loads(line) for line in log.text.splitlines()]
    cut, whole = [line for line in lines if line.get("route", "").endswith("/export")][-2:]
    assert ("cut", 200) == (cut["outcome"], cut["status"])
    assert "ok" == whole["outcome"]
    assert 0 < cut["sent_bytes"] < whole["sent_bytes"]


def test_callers_without_a_place_are_told_when_to_retry(client, auth, export, refused):
    first = client.get(EXPORT, headers=auth, buffered=False)
    refused(export(), 503, "too-many-transfers")
    assert 200 == client.get(f"{C}/codes", headers=auth).status_code
    first.close()
    assert 200 == export().status_code


def test_who_has_taken_a_whole_export_finds_its_place_free(client, auth, export):
    """The server sends the end of the answer, and closes the iterable afterwards."""
    first = client.get(EXPORT, headers=auth, buffered=False)
    b"".join(first.iter_encoded())
    assert 200 == export().status_code
    first.close()


def test_a_refused_export_gives_its_place_back(client, auth, export):
    for _ in range(3):
        assert 404 == client.get(EXPORT.replace("default", "x"), headers=auth).status_code
    assert 200 == export().status_code


def test_no_cell_is_a_formula():
    for character in FORMULA:
        assert not is_code(f"{character}AB12")
        row = b"".join(written(("code",), [[(f"{character}1+2",)]], ListType.CSV)).decode()
        assert row.splitlines()[1].lstrip('"').startswith("'")
