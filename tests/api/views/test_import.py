"""Imports: all rows or none, a report with line numbers, and nothing left behind."""

import csv
import io
import json

import pytest

from service.formats.list_form import ListType
from service.formats.refusals import MAX_ROW_BYTES, Reason
from service.usecases.import_pipeline import checking, reading, storing
from tests.api.conftest import C
from tests.support.tokens import bearer
from tests.support.working import do_all

IMPORTS = f"{C}/imports"
TABLES = ("import_file", "import_block", "import_run", "import_row")


@pytest.fixture
def send(client, auth):
    """Send a list."""

    def post(content, path=IMPORTS, form=ListType.CSV, headers=None, **options):
        headers = auth | {"Content-Type": form} | (headers or {})
        return client.post(path, data=content, headers=headers, **options)

    return post


@pytest.fixture
def imported(database, client, auth, send):
    """Send a list, run a worker, and return the finished job."""

    def run(content, path=IMPORTS, **options):
        answer = send(content, path, **options)
        assert 202 == answer.status_code, answer.text
        do_all(database)
        return client.get(answer.headers["Location"], headers=auth).json

    return run


@pytest.fixture
def report(client, auth):
    """Fetch a job's report."""

    def take(job, accept=ListType.NDJSON):
        path = f"{C}/jobs/{job['id']}/report"
        return client.get(path, headers=auth | {"Accept": accept}, buffered=True)

    return take


@pytest.fixture
def refusals(report):
    """Parse a job's report."""
    return lambda job: [
        (row["line"], row["reason"]) for row in map(json.loads, report(job).text.splitlines())
    ]


@pytest.fixture
def stored(client, auth):
    """Return the campaign's codes."""

    def codes(path=C):
        answer = client.get(f"{path}/codes?limit=1000", headers=auth)
        return sorted(row["code"] for row in answer.json.get("items", ()))

    return codes


@pytest.fixture
def staged(database):
    """Count the stored rows of files."""

    def count():
        with database.read() as connection:
            return {
                table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
                for table in TABLES
            }

    return count


def test_a_good_list_becomes_codes(imported, stored, staged, client, auth):
    job = imported(b"code\r\nSUMMER-01\r\nSUMMER-02\r\n")
    assert ("import", "succeeded") == (job["kind"], job["state"])
    assert (2, 2, 0) == (job["total"], job["done"], job["failed"])
    assert ["SUMMER-01", "SUMMER-02"] == stored()
    assert 2 == client.get(C, headers=auth).json["counts"]["available"]
    assert dict.fromkeys(TABLES, 0) == staged()
    assert 201 == client.put(f"{C}/reservations/user1", headers=auth).status_code


def test_the_answer_is_a_job_to_watch(send):
    answer = send(b"SUMMER-01\n")
    assert 202 == answer.status_code
    assert "queued" == answer.json["state"]
    assert f"{C}/jobs/{answer.json['id']}" == answer.headers["Location"]


def test_ndjson_is_taken_as_well(imported, stored):
    job = imported(b'{"code":"SUMMER-01","note":"x"}\n{"code":"SUMMER-02"}', form=ListType.NDJSON)
    assert (2, 0) == (job["done"], job["failed"])
    assert ["SUMMER-01", "SUMMER-02"] == stored()


def test_one_bad_row_and_nothing_is_stored(imported, stored, refusals, staged):
    job = imported(b"code\nSUMMER-01\nno\nSUMMER-01\nSUMMER-02\n")
    assert "failed" == job["state"]
    assert (4, 2, 2) == (job["total"], job["done"], job["failed"])
    assert [(3, Reason.LENGTH), (4, Reason.TWICE_IN_FILE)] == refusals(job)
    assert [] == stored()
    assert dict.fromkeys(TABLES, 0) == staged()


def test_a_dry_run_reports_and_stores_nothing(imported, stored, refusals, staged):
    good = imported(b"SUMMER-01\n", f"{IMPORTS}?dry_run=true")
    assert ("succeeded", 1, 0) == (good["state"], good["done"], good["failed"])
    bad = imported(b"SUMMER-01\n?\n", f"{IMPORTS}?dry_run=true")
    assert ("succeeded", 1, 1) == (bad["state"], bad["done"], bad["failed"])
    assert [(2, Reason.LENGTH)] == refusals(bad)
    assert [] == stored()
    assert dict.fromkeys(TABLES, 0) == staged()


def test_codes_of_any_campaign_of_the_brand_are_refused(imported, codes, refusals, stored):
    job = imported(f"SUMMER-01\n{codes[3]}\n".encode())
    assert "failed" == job["state"]
    assert [(2, Reason.IN_BRAND)] == refusals(job)
    assert sorted(codes) == stored()


def test_a_list_that_was_mended_is_taken_at_once(imported, stored):
    assert "failed" == imported(b"SUMMER-01\n?\n")["state"]
    assert "succeeded" == imported(b"SUMMER-01\n")["state"]
    assert ["SUMMER-01"] == stored()


def test_what_is_exported_can_be_imported(imported, client, auth, codes, stored, database):
    for list_type in ListType:
        path = f"{C}/export"
        exported = client.get(path, headers=auth | {"Accept": list_type}, buffered=True).data
        other = C.replace("brand1", f"copy-{list_type.name}")
        answer = client.post(
            f"{other}/imports", data=exported, headers=auth | {"Content-Type": list_type}
        )
        assert 202 == answer.status_code
        do_all(database)
        assert sorted(codes) == stored(other)


def test_runs_parts_and_chunks_make_no_difference(imported, refusals, stored, monkeypatch):
    monkeypatch.setattr(reading, "RUN_ROWS", 7)
    for phase in (reading, checking):
        monkeypatch.setattr(phase, "PART_ROWS", 3)
    monkeypatch.setattr(storing, "STORED_AT_ONCE", 5)
    monkeypatch.setattr("service.api.transfers.uploads.BLOCK_BYTES", 50)
    codes = [f"CODE-{number * 37 % 101:03}" for number in range(100)]
    assert ("succeeded", 100) == (
        (job := imported("\n".join(codes).encode()))["state"],
        job["done"],
    )
    assert sorted(codes) == stored()
    again = imported("\n".join(["NEW-1", *codes, "NEW-1", "NEW-2"]).encode())
    assert ("failed", 2, 101) == (again["state"], again["done"], again["failed"])
    assert [
        *((line, Reason.IN_BRAND) for line in range(2, 102)),
        (102, Reason.TWICE_IN_FILE),
    ] == refusals(again)


def test_the_report_is_csv_or_ndjson_and_names_no_code(imported, report):
    job = imported(b"SECRET-01\nSECRET-01\n")
    rows = list(csv.DictReader(io.StringIO(report(job, ListType.CSV).text, newline="")))
    expected = {"line": "2", "reason": "twice-in-file", "detail": Reason.TWICE_IN_FILE.text}
    assert [expected] == rows
    assert [expected | {"line": 2}] == [json.loads(report(job).text)]
    assert "SECRET" not in report(job).text


def test_a_report_belongs_to_a_job_of_the_campaign(client, auth, codes, refused):
    unknown = client.get(f"{C}/jobs/{'0' * 32}/report", headers=auth)
    refused(unknown, 404, "job-not-found")


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


def test_a_retry_with_its_key_gets_the_first_job(database, send, stored, staged, refused):
    key = {"Idempotency-Key": "k1"}
    first, second = send(b"SUMMER-01\n", headers=key), send(b"SUMMER-01\n", headers=key)
    assert first.json == second.json
    assert "true" == second.headers["Idempotent-Replayed"]
    refused(send(b"SUMMER-02\n", headers=key), 409, "conflict")
    refused(send(b"SUMMER-01\n", f"{IMPORTS}?dry_run=true", headers=key), 409, "conflict")
    do_all(database)
    assert ["SUMMER-01"] == stored()
    assert dict.fromkeys(TABLES, 0) == staged()


def test_a_cancelled_import_leaves_nothing(database, client, send, auth, stored, staged):
    location = send(b"SUMMER-01\n").headers["Location"]
    assert 200 == client.delete(location, headers=auth).status_code
    do_all(database)
    assert "cancelled" == client.get(location, headers=auth).json["state"]
    assert [] == stored()
    assert dict.fromkeys(TABLES, 0) == staged()


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


def test_what_only_a_newer_version_refuses_is_reported(imported, report, database):
    job = imported(b"?\n")
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE import_refusal SET reason = 'too-new'")
    assert {"line": 1, "reason": "too-new", "detail": "The row was refused."} == json.loads(
        report(job).text
    )


def test_a_retry_after_the_list_was_read_gets_the_first_answer(database, send):
    """The total is the number of lines, until the worker knows the number of rows."""
    key = {"Idempotency-Key": "k1"}
    first = send(b"code\n\nSUMMER-01\n,\n", headers=key)
    do_all(database)
    second = send(b"code\n\nSUMMER-01\n,\n", headers=key)
    assert (first.data, first.headers["Location"]) == (second.data, second.headers["Location"])
    assert "true" == second.headers["Idempotent-Replayed"]
