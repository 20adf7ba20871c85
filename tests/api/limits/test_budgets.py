"""Budgets of a tenant's disk space and threads, and the service with little space."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy import event

from service.app import services_of
from service.domain.jobs import MAX_OPEN
from service.usecases.import_files import begin_file
from tests.api.conftest import C
from tests.support.engines import on_sqlite
from tests.support.working import do_all

IMPORTS = f"{C}/imports"
TABLES = ("import_file", "import_block", "import_run", "import_row")
LIST = b"SUMMER-01\nSUMMER-02\n"
PLENTY = 2**50
"""More bytes than any disk of a test machine has."""


@pytest.fixture
def settings(settings):
    """Budgets that a few lists use up."""
    return replace(settings, import_brand_budget_bytes=50, import_total_budget_bytes=90)


@pytest.fixture
def send(client, auth):
    """Send a list."""

    def post(content=LIST, path=IMPORTS, **headers):
        return client.post(
            path, data=content, headers=auth | {"Content-Type": "text/csv"} | headers
        )

    return post


@pytest.fixture
def chunked(client, auth):
    """Send a list without a Content-Length."""

    def post(parts, path=IMPORTS):
        left = list(parts)
        body = SimpleNamespace(read=lambda _size=-1: left.pop(0) if left else b"")
        headers = auth | {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"}
        return client.post(
            path, headers=headers, environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": ""}
        )

    return post


@pytest.fixture
def kept(database):
    """Count the rows of stored lists."""

    def count():
        with database.read() as connection:
            return [
                connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
                for table in TABLES
            ]

    return count


@pytest.fixture
def counted(app):
    """Return how often something was refused for lack of space."""

    def count(reason):
        return services_of(app).metrics.registry.get_sample_value(
            "discount_storage_refusals_total", {"reason": reason}
        )

    return count


@pytest.fixture
def space(database, monkeypatch):
    """Simulate less free space than the reserve, until more is set."""

    def change(*, low):
        monkeypatch.setattr(database.reserve, "_bytes", PLENTY if low else 1)
        database.reserve.forget()

    return change


def of_brand(number):
    return IMPORTS.replace("brand1", f"brand{number}")


def test_the_open_imports_of_a_brand_have_a_budget(database, send, refused, kept, counted):
    assert [202, 202] == [send().status_code, send(b"SUMMER-03\nSUMMER-04\n").status_code]
    before = kept()
    problem = refused(send(LIST), 429, "import-budget-exceeded")
    assert "this brand may have 50 bytes" in problem["detail"]
    assert before == kept()
    assert 1 == counted("brand_budget")
    do_all(database)
    assert 202 == send(b"SUMMER-05\n").status_code


@on_sqlite
def test_all_brands_together_have_a_budget(send, refused, kept, counted):
    assert [202] * 4 == [send(path=of_brand(number)).status_code for number in range(4)]
    before = kept()
    problem = refused(send(path=of_brand(5)), 429, "import-budget-exceeded")
    assert "all brands together may have 90 bytes" in problem["detail"]
    assert before == kept()
    assert 1 == counted("total_budget")


def test_a_body_of_unknown_length_counts_as_it_comes(chunked, refused, kept, monkeypatch):
    monkeypatch.setattr("service.usecases.imports.BLOCKS_AT_ONCE", 1)
    assert 202 == chunked([b"SUMMER-01\n"] * 2).status_code
    before = kept()
    refused(chunked([b"SUMMER-01\n"] * 4), 429, "import-budget-exceeded")
    assert before == kept()
    assert 202 == chunked([b"SUMMER-01\n"] * 3).status_code
    refused(chunked([b"?\n"]), 429, "import-budget-exceeded")


@on_sqlite
def test_a_body_under_way_counts_with_all_that_it_announced(app, client, auth, send, refused):
    imports = services_of(app).storage.imports
    under_way = begin_file(imports, "brand1", "default", 1_800_000_000_000, 45)
    refused(send(), 429, "import-budget-exceeded")
    imports.drop(under_way, within_s=1.0)
    assert 202 == send().status_code


@on_sqlite
def test_what_was_cancelled_makes_room_without_a_worker(client, auth, send):
    answers = [send() for _ in range(2)]
    for answer in answers:
        assert 202 == answer.status_code
        client.delete(answer.headers["Location"], headers=auth)
    assert 202 == send().status_code


@pytest.mark.parametrize(
    ("content", "status"), [(b"SUMMER-01\n\0", 400), (b"", 400)], ids=["a NUL", "nothing"]
)
@on_sqlite
def test_nothing_is_kept_of_a_refused_list(send, kept, content, status):
    assert status == send(content).status_code
    assert [0, 0, 0, 0] == kept()


def test_nothing_is_read_where_there_are_too_many_open_jobs(client, auth, send, refused, kept):
    for _ in range(MAX_OPEN):
        asked = client.post(f"{C}/jobs", json={"kind": "generate", "count": 1}, headers=auth)
        assert 202 == asked.status_code
    refused(send(b"\0"), 429, "too-many-jobs")  # else it were a 400
    assert [0, 0, 0, 0] == kept()


def test_a_retry_is_answered_whatever_has_become_of_budget_and_space(
    send, refused, kept, space, client, auth
):
    key = {"Idempotency-Key": "k1"}
    first = send(**key)
    assert 202 == send(b"SUMMER-03\n" * 3).status_code
    before = kept()
    space(low=True)
    again = send(**key)
    assert (202, first.json) == (again.status_code, again.json)
    refused(send(b"SUMMER-02\n", **key), 409, "conflict")
    assert before == kept()


@on_sqlite
def test_below_the_reserve_nothing_grows_and_reservations_go_on(
    client, auth, codes, send, refused, space, kept, counted, changes
):
    location = client.post(
        f"{C}/jobs", json={"kind": "generate", "count": 5}, headers=auth
    ).headers["Location"]
    space(low=True)
    before = changes()
    create = {"brand": "brand1", "number_to_create": 1}
    for answer in (
        client.post("/v1/discount/create", json=create, headers=auth),
        client.post(f"{C}/codes", json={"number_to_create": 1}, headers=auth),
        client.post(f"{C}/jobs", json={"kind": "generate", "count": 1}, headers=auth),
        send(b"\0"),
    ):
        refused(answer, 507, "insufficient-storage")
        assert 0 < int(answer.headers["Retry-After"])
    assert before == changes()
    assert [0, 0, 0, 0] == kept()
    assert 4 == counted("disk_reserve")
    assert 201 == client.put(f"{C}/reservations/user1", headers=auth).status_code
    assert 200 == client.get("/v1/discount/fetch/brand1/user2", headers=auth).status_code
    assert 200 == client.delete(location, headers=auth).status_code
    space(low=False)
    assert 200 == client.post("/v1/discount/create", json=create, headers=auth).status_code


@on_sqlite
def test_a_list_longer_than_what_is_free_is_not_begun(send, refused, database, monkeypatch, kept):
    monkeypatch.setattr(database.reserve, "_space", lambda: (1000, 0))
    monkeypatch.setattr(database.reserve, "_bytes", 990)
    database.reserve.forget()
    refused(send(), 507, "insufficient-storage")
    assert [0, 0, 0, 0] == kept()
    assert 202 == send(b"SUMMER-01\n").status_code
    database.reserve.forget()


@on_sqlite
def test_a_create_that_was_answered_is_replayed_below_the_reserve(client, auth, space):
    headers = auth | {"Idempotency-Key": "k1"}
    create = {"brand": "brand1", "number_to_create": 1}
    first = client.post("/v1/discount/create", json=create, headers=headers)
    space(low=True)
    again = client.post("/v1/discount/create", json=create, headers=headers)
    assert (200, first.json) == (again.status_code, again.json)


@on_sqlite
@pytest.mark.own_database
def test_a_full_database_refuses_what_grows_and_is_unavailable_to_the_rest(
    client, auth, codes, database, refused, counted
):
    """A reached limit of SQLite's pages has the same effect as a full disk."""
    full = _limit_pages(database)
    create = {"brand": "brand1", "number_to_create": 1000}
    refused(
        client.post("/v1/discount/create", json=create, headers=auth), 507, "insufficient-storage"
    )
    assert 1 == counted("disk_full")
    metrics = services_of(client.application).metrics.registry
    errors = {"error": "SQLITE_FULL"}
    assert 1 == metrics.get_sample_value("discount_database_errors_total", errors)
    full()
    assert 200 == client.post("/v1/discount/create", json=create, headers=auth).status_code


def _limit_pages(database):
    """Prevent the file from growing; return a function that ends this."""

    def limit(connection, _record):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    event.listen(database.engine, "connect", limit)
    database.close()

    def end():
        event.remove(database.engine, "connect", limit)
        database.close()

    return end


def test_a_dropped_list_that_takes_long_is_left_to_workers(send, kept, database, monkeypatch):
    monkeypatch.setattr("service.usecases.imports.DROP_TIMEOUT_S", 0)
    assert 400 == send(b"SUMMER\0\n").status_code
    do_all(database)
    assert [0, 0, 0, 0] == kept()
