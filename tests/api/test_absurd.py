"""Absurd input is refused with a reason, and is never an internal error."""

import pytest

from tests.api.conftest import C


@pytest.fixture
def engine():
    return "sqlite"


BODIES = {
    "nothing": b"",
    "a NUL": b"\0",
    "a lone surrogate as a brand": b'{"brand": "\\ud800", "number_to_create": 1}',
    "a NUL in a brand": b'{"brand": "a\\u0000b", "number_to_create": 1}',
    "a long brand": b'{"brand": "' + b"a" * 100_000 + b'", "number_to_create": 1}',
    "a surrogate as a campaign": b'{"brand": "b", "campaign": "\\udfff", "number_to_create": 1}',
    "a lone surrogate as a name": b'{"brand": "b", "number_to_create": 1, "\\ud800": 1}',
    "a brand that is a list": b'{"brand": ["b"], "number_to_create": 1}',
    "a brand that is an object": b'{"brand": {"a": 1}, "number_to_create": 1}',
    "not a number": b'{"brand": "b", "number_to_create": NaN}',
    "an infinite number": b'{"brand": "b", "number_to_create": 1e999}',
    "a huge number": b'{"brand": "b", "number_to_create": ' + b"9" * 400 + b"}",
    "a number too long to read": b'{"brand": "b", "number_to_create": ' + b"9" * 5000 + b"}",
    "a huge exponent": b'{"brand": "b", "number_to_create": 1e99999999999}',
    "a number of 64 bits": b'{"brand": "b", "number_to_create": 9223372036854775808}',
    "deep nesting": b'{"brand": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep nesting of objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "a member twice": b'{"brand": "b", "brand": "c", "number_to_create": 1}',
    "a surrogate twice": b'{"\\ud800": 1, "\\ud800": 2}',
    "no UTF-8": b'{"brand": "\xff", "number_to_create": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"brand": "b", "number_to_create": 1}',
    "UTF-16": '{"brand": "b", "number_to_create": 1}'.encode("utf-16"),
    "a list": b"[]",
    "null": b"null",
    "many members": b"{" + b",".join(b'"a%d": 1' % n for n in range(5_000)) + b"}",
}
JOBS = {
    "a job of a surrogate": b'{"kind": "\\ud800", "count": 1}',
    "a job of a huge count": b'{"kind": "generate", "count": ' + b"9" * 400 + b"}",
    "a job of a list": b'{"kind": ["generate"], "count": 1}',
    "a job of an object": b'{"kind": {}, "count": 1}',
}


@pytest.mark.parametrize("body", [*BODIES.values(), *JOBS.values()], ids=[*BODIES, *JOBS])
def test_a_body(client, auth, codes, body):
    headers = auth | {"Content-Type": "application/json", "Idempotency-Key": "k"}
    for path in ("/v1/discount/create", f"{C}/codes", f"{C}/jobs"):
        answer = client.post(path, data=body, headers=headers)
        refusal = answer.status_code, answer.json["type"]
        assert (400, "/problems/invalid-request") == refusal, path


NAMES = [
    "%00",
    "%ED%A0%80",
    "%FF",
    "a" * 65,
    "%F0%9F%8E%9F" * 65,
    ".",
    "..",
    "%20a",
    "%0A",
    "%C2%85",
]
PATHS = [
    ("GET", "/v1/discount/fetch/{}/u"),
    ("GET", "/v1/discount/fetch/brand1/{}%C3%BC" + "u" * 128),
    ("GET", "/v1/brands/{}"),
    ("GET", "/v1/brands/brand1/campaigns/{}"),
    ("PUT", "/v1/brands/{}/campaigns/default/reservations/u"),
    ("GET", C + "/codes/{}"),
    ("GET", C + "/codes?cursor={}"),
    ("GET", C + "/codes?limit={}"),
    ("GET", C + "/codes?state={}"),
    ("GET", C + "/export?state={}"),
    ("GET", C + "/jobs/{}"),
    ("GET", C + "/jobs/{}/report"),
    ("DELETE", C + "/jobs/{}"),
    ("POST", C + "/imports?dry_run={}"),
    ("GET", "/v1/brands?cursor={}"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_path_or_a_query(client, auth, codes, method, path):
    headers = auth | {"Content-Type": "text/csv"}
    for name in NAMES:
        answer = client.open(path.format(name), method=method, headers=headers, buffered=True)
        assert 400 <= answer.status_code < 500, (name, answer.text)


@pytest.mark.parametrize("key", ["", "\x7f", "k" * 256, "a b", "é", "\x80"])
def test_a_key(client, auth, key):
    body = {"brand": "b", "number_to_create": 1}
    headers = auth | {"Idempotency-Key": key}
    assert 400 == client.post("/v1/discount/create", json=body, headers=headers).status_code


LISTS = [
    "\0",
    "code\n\ud800".encode("utf-8", "surrogatepass"),
    b"\xff\xfe",
    b'"' * 70_000,
    b"\n",
    b"",
]


@pytest.mark.parametrize("content", LISTS)
@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
def test_a_list(client, auth, codes, content, kind):
    headers = auth | {"Content-Type": kind}
    answer = client.post(f"{C}/imports", data=content, headers=headers)
    assert answer.status_code in {202, 400, 413}
