"""Imports: all rows or none, a report with line numbers, and nothing left behind."""

import csv
import io
import json

from service.formats.list_form import ListType
from service.formats.refusals import Reason
from service.usecases.import_pipeline import checking, reading, storing
from tests.api.conftest import C
from tests.api.views.import_paths import IMPORTS, TABLES
from tests.support.working import do_all


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
