"""Imports that are refused, and what remains of them: nothing."""

import pytest

from service.formats.list_form import ListType
from service.formats.refusals import MAX_ROW_BYTES
from tests.api.views.import_paths import IMPORTS, TABLES
from tests.support.tokens import bearer
from tests.support.working import do_all


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/csv; charset=utf-16"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br, gzip"},
    ],
)
def test_a_body_of_another_kind_is_refused(send, refused, headers, changes):
    before = changes()
    refused(send(b"SUMMER-01\n", headers=headers), 415, "unsupported-media-type")
    assert before == changes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SUMMER-01\nSUM\0MER\n",
        "SUMMER-01\n".encode("utf-16"),
        b"A" * (MAX_ROW_BYTES + 2),
        b"code\n" + b"," * 1_000_000,
        b'{"code": ' * 100_000,
    ],
    ids=["nothing", "a NUL", "UTF-16", "a long line", "a million columns", "deep"],
)
@pytest.mark.parametrize("form", ListType)
def test_a_hostile_list_is_refused_and_leaves_nothing(
    database, send, refused, content, form, changes, staged
):
    before = changes()
    refused(send(content, form=form), 400, "invalid-request", "")
    assert before == changes()
    do_all(database)
    assert dict.fromkeys(TABLES, 0) == staged()


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'note,code\n"' + b"x,\n" * 30_000])
def test_a_list_that_cannot_be_read_on_fails_its_job(imported, content, refusals, stored):
    job = imported(content)
    assert ("failed", 1) == (job["state"], job["failed"])
    ((line, _),) = refusals(job)
    assert job["detail"].startswith(f"Line {line}: ")
    assert [] == stored()


def test_a_list_beyond_the_limit_is_too_large(send, refused, staged):
    answer = send(b"", environ_overrides={"CONTENT_LENGTH": str(2 * 1024**3 + 1)})
    refused(answer, 413, "too-large")
    assert dict.fromkeys(TABLES, 0) == staged()


def test_an_unknown_campaign_is_refused_before_the_body_is_read(send, codes, refused):
    other = IMPORTS.replace("default", "other")
    refused(send(b"\0", other), 404, "campaign-not-found")
    refused(send(b"\0", other.replace("brand1", "brand2")), 404, "brand-not-found")


def test_a_refused_list_makes_no_brand(send, client, auth):
    assert 400 == send(b"\0").status_code
    assert [] == client.get("/v1/brands", headers=auth).json["items"]


def test_creating_is_what_an_import_needs(send, refused):
    headers = bearer(scope="discounts:read discounts:export")
    refused(send(b"SUMMER-01\n", headers=headers), 403, "forbidden")


def test_dry_run_is_true_or_false(send, refused):
    refused(send(b"SUMMER-01\n", f"{IMPORTS}?dry_run=1"), 400, "invalid-request", "/dry_run")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("code\nAB12\n".encode("utf-16"), "UTF-16"),
        ("code\nAB12\n".encode("utf-16-be"), "UTF-16"),
        ("code\nAB12\n".encode("utf-32"), "UTF-32"),
        (b"PK\x03\x04\x14\x00\x06\x00" + b"x" * 99, "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "Excel"),
        (b"\x1f\x8b\x08\x00" + b"x" * 99, "gzip"),
        (b"%PDF-1.7\n1 0 obj\n", "PDF"),
        (b"code\rAB12\rCD34\r", "CR"),
        (b"code\r" + b"AB12\r" * 20_000, "CR"),
        (b'{"code":"AB12"}\r{"code":"CD34"}', "CR"),
    ],
    ids=[
        *("UTF-16", "UTF-16 without a mark", "UTF-32", "a workbook", "an old workbook", "gzip"),
        *("PDF", "CR", "long, CR", "NDJSON, CR"),
    ],
)
def test_a_list_in_another_encoding_is_refused_with_its_name(send, refused, content, encoding):
    problem = refused(send(content), 400, "invalid-request", "")
    assert encoding in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"code;note\nAB12;x\n", "semicolons"),
        (b"sep=;\ncode;note\n", "separator"),
        (b"my vouchers\nAB12\n", "unknown-header"),
    ],
)
def test_what_is_wrong_with_a_list_is_named_by_its_job(imported, stored, refusals, content, slug):
    job = imported(content)
    assert ("failed", []) == (job["state"], stored())
    assert [(1, slug)] == refusals(job)
