"""Media types of lists and of JSON (RFC 9110, sections 8.3 and 12.5.1)."""

import pytest

from tests.api.conftest import C


@pytest.fixture
def engine():
    return "sqlite"


CSV, NDJSON = "text/csv", "application/x-ndjson"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, CSV),
        ("", CSV),
        ("text/csv; charset=utf-8", CSV),
        ("text/csv;charset=UTF-8;header=present", CSV),
        ("application/x-ndjson; charset=utf-8", NDJSON),
        ("TEXT/CSV", CSV),
        ("Application/X-NDJSON; Charset=utf-8", NDJSON),
        ("*/*", CSV),
        ("text/*", CSV),
        ("application/*", NDJSON),
        ("application/*;q=0.5, text/*;q=0.4", NDJSON),
        ("application/json, */*;q=0.1", CSV),
        ("text/csv;q=0, */*", NDJSON),
        ("text/csv;charset=utf-8;q=0.1, application/x-ndjson;q=0.2", NDJSON),
        ("application/x-ndjson, text/csv", NDJSON),
        ("text/csv, application/x-ndjson", CSV),
        ("text/*, application/x-ndjson", NDJSON),
        ("application/json, text/csv ; charset=utf-8", CSV),
        ("application/json", 406),
        ("text/csv;q=0", 406),
        ("*/*;q=0", 406),
        ("text/csv;charset=utf-8;q=0, text/plain", 406),
        ("text/csvx", 406),
    ],
)
def test_what_is_accepted(client, auth, codes, accept, expected):
    headers = auth if accept is None else auth | {"Accept": accept}
    answer = client.get(f"{C}/export", headers=headers, buffered=True)
    assert expected in {answer.status_code, answer.mimetype}


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/JSON;charset=UTF-8", 200),
        ("text/json", 415),
        ("application/jsonx", 415),
        ("", 415),
    ],
)
def test_json_by_its_names(client, auth, content_type, status):
    body = b'{"brand": "b", "number_to_create": 1}'
    headers = auth | {"Content-Type": content_type}
    answer = client.post("/v1/discount/create", data=body, headers=headers)
    assert status == answer.status_code


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/csv; header=present", 202),
        ('Text/CSV; charset="UTF-8"', 202),
        ("application/x-ndjson; charset=utf-8", 202),
        ("text/csv; charset=utf-16", 415),
        ("text/plain", 415),
    ],
)
def test_lists_by_their_names(client, auth, content_type, status):
    headers = auth | {"Content-Type": content_type}
    answer = client.post(f"{C}/imports", data=b'{"code": "AAAA"}', headers=headers)
    assert status == answer.status_code
