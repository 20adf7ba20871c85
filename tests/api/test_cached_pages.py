"""Public pages are rendered once, and clients that have them are answered with 304."""

import pytest

from tests.support.engines import on_sqlite

pytestmark = on_sqlite  # no database is reached


@pytest.mark.parametrize(
    "path",
    [
        "/apispec_1.json",
        "/openapi.json",
        "/apidocs/",
        "/apidocs",
        "/problems/",
        "/problems/no-codes-left",
    ],
)
def test_a_page_has_an_etag_and_is_not_sent_again(client, path):
    first, second = client.get(path), client.get(path)
    assert 200 == first.status_code
    assert first.data == second.data
    assert first.headers["ETag"] == second.headers["ETag"]
    known = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (304, b"") == (known.status_code, known.data)
    assert 200 == client.get(path, headers={"If-None-Match": '"other"'}).status_code


def test_both_names_lead_to_one_document(client):
    assert client.get("/apispec_1.json").data == client.get("/openapi.json").data
    assert "3.1.0" == client.get("/openapi.json").json["openapi"]
