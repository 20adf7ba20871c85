"""Long bodies and answers over the wire use constant memory, and delay no other client."""

import socket
import sqlite3
import struct
import time
from contextlib import ExitStack, closing
from select import select

import psutil
import pytest
import requests

from tests.support.engines import on_postgresql
from tests.support.running import running
from tests.support.tokens import bearer
from tests.support.waiting import wait_until
from tests.tools.attack.export import end_sessions, fill, kill_workers

C = "/v1/brands/brand1/campaigns/default"
TOKEN = bearer()["Authorization"]
CSV = bearer() | {"Content-Type": "text/csv"}
ROWS = 300_000
"""In the export: some 15 MB, more than any socket holds."""
FILL = f"""
    INSERT INTO brand (name, created_at) VALUES ('brand1', 1);
    INSERT INTO campaign (brand_id, id, name, created_at) SELECT id, 1, 'default', 1 FROM brand;
    WITH RECURSIVE number(value) AS (
        SELECT 1 UNION ALL SELECT value + 1 FROM number WHERE value < {ROWS}
    )
    INSERT INTO code (brand_id, campaign_id, code, state, created_at)
    SELECT id, 1, printf('CODE-%06d', value), 'available', 1
    FROM brand, number;
"""
"""Insert codes faster than the service would."""
PROMPT_S = 1.0
"""The service's limit on an idle machine."""
STARVED_S = 4.5
"""The limit for callers that wait until slow clients are ended (after 5 s)."""
GROWTH = 20 * 1024 * 1024
"""How much a process may grow over a long transfer, in bytes; far less than the transfer."""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One worker with few threads, one of which may be in a transfer, and many codes."""
    folder = tmp_path_factory.mktemp("service")
    with running(folder, WEB_THREADS="4") as running_service:
        with closing(sqlite3.connect(folder / "discount.db")) as connection:
            connection.executescript(FILL)
        yield running_service


def connect(service):
    return socket.create_connection(("127.0.0.1", int(service.environment["PORT"])), 30)


def resident(service):
    """Return the memory of the service's largest process."""
    master = psutil.Process(service.process.pid)
    return max(p.memory_info().rss for p in [master, *master.children(recursive=True)])


def answers_promptly(service):
    """Several callers in a row are served before a slow client is ended, the quickest in a second.

    What else the machine does may hold the others up.
    """
    took = []
    for _ in range(5):
        began = time.monotonic()
        answer = requests.get(f"{service.url}{C}", headers=bearer(), timeout=30)
        assert 200 == answer.status_code
        took.append(time.monotonic() - began)
    return min(took) < PROMPT_S and max(took) < STARVED_S


def place_is_free(service):
    """Return whether a transfer has a place, soon."""
    query = f"{service.url}{C}/export?state=redeemed"
    wait_until(lambda: requests.get(query, headers=bearer(), timeout=30).ok, "no place is free")
    return True


def cut_exports(service):
    """Count the exports that the service has cut, by its log."""
    exports = [line for line in service.lines if (line.get("route") or "").endswith("/export")]
    return sum(line["outcome"] == "cut" for line in exports)


def request_export(client, version="1.1"):
    head = f"GET {C}/export HTTP/{version}\r\nHost: x\r\nAuthorization: {TOKEN}\r\n\r\n"
    client.sendall(head.encode())


def read_all(client):
    while client.recv(1 << 16):
        pass


def upload_head(*fields):
    lines = [
        f"POST {C}/imports HTTP/1.1",
        "Host: x",
        "Content-Type: text/csv",
        f"Authorization: {TOKEN}",
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("uploaded", [150_000, pytest.param(600_000, marks=pytest.mark.long)])
def test_many_rows_come_in_in_flat_memory(service, uploaded):
    """Some 40 MB, or 160."""

    def blocks():
        for first in range(0, uploaded, 10_000):
            rows = (f"CODE-{n:07},{'x' * 250}\n" for n in range(first, first + 10_000))
            yield "".join(rows).encode()

    requests.post(f"{service.url}{C}/imports", data=b"?", headers=CSV, timeout=30)
    before = resident(service)
    answer = requests.post(f"{service.url}{C}/imports", data=blocks(), headers=CSV, timeout=120)
    assert 202 == answer.status_code
    assert uploaded == answer.json()["total"]
    assert resident(service) - before < GROWTH
    cancelled = requests.delete(service.url + answer.headers["Location"], headers=CSV, timeout=10)
    assert 200 == cancelled.status_code


def test_many_rows_go_out_in_flat_memory(service):
    before = resident(service)
    with requests.get(
        f"{service.url}{C}/export", headers=bearer(), stream=True, timeout=60
    ) as answer:
        rows = sum(part.count(b"\n") for part in answer.iter_content(1 << 16))
    assert ROWS + 1 == rows
    assert resident(service) - before < GROWTH


def test_readers_who_do_not_read_starve_nobody_and_lose_their_place(service):
    with ExitStack() as stack:
        for _ in range(20):
            request_export(stack.enter_context(connect(service)))
        assert answers_promptly(service)
        assert place_is_free(service)  # though the clients have not left


def test_a_reader_who_leaves_frees_its_place(service):
    for _ in range(5):
        client = connect(service)
        request_export(client)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert place_is_free(service)
    assert cut_exports(service)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_export_that_is_cut_does_not_look_whole(service, version):
    """The connection is reset, which every client takes for an error."""
    with connect(service) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = cut_exports(service)
        request_export(client, version)
        assert f"HTTP/{version} 200".encode() == client.recv(12)
        wait_until(lambda: cut_exports(service) > before, "who stalls is not cut")
        with pytest.raises(ConnectionResetError):
            read_all(client)


def is_reset_when(cause, service, version):
    """Require that an export does not complete, as something happens in its middle."""
    with connect(service) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request_export(client, version)
        assert f"HTTP/{version} 200".encode() == client.recv(12)
        cause()
        with pytest.raises(ConnectionResetError):
            read_all(client)
    return True


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_export_whose_worker_is_killed_does_not_look_whole(service, version):
    assert is_reset_when(lambda: kill_workers(service), service, version)


@on_postgresql
@pytest.mark.own_database
def test_an_export_whose_source_fails_does_not_look_whole(database_url, tmp_path):
    with running(tmp_path, DISCOUNT_DATABASE_URL=database_url, WEB_CONCURRENCY="1") as service:
        fill(database_url)
        for version in ("1.0", "1.1"):
            assert is_reset_when(lambda: end_sessions(database_url), service, version)
            assert place_is_free(service)
        lines = service.lines
    exports = [line for line in lines if (line.get("route") or "").endswith("/export")]
    assert 2 == [line["outcome"] for line in exports].count("cut")
    assert 2 == len([line for line in lines if "source of an answer" in line.get("message", "")])
    assert TOKEN not in str(lines)


@pytest.mark.parametrize(
    ("head", "begun"),
    [
        (upload_head("Content-Length: 10000000"), b"CODE-1\n"),
        (upload_head("Transfer-Encoding: chunked"), b"8\r\nCODE-1\r\n\r\n"),
    ],
    ids=["a length", "chunks"],
)
def test_senders_who_never_finish_starve_nobody_and_store_nothing(service, head, begun):
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(service)).sendall(head + begun)
        assert answers_promptly(service)
        assert place_is_free(service)


@pytest.mark.parametrize(
    ("head", "begun", "status"),
    [
        (upload_head("Content-Length: 100000"), b"CODE-1\n" * 5000, b"400"),
        (upload_head("Transfer-Encoding: chunked"), b"8\r\nCODE-1\r\n\r\n5\r\nCO", b"400"),
        (upload_head("Transfer-Encoding: chunked"), b"8\r\nCODE-1\r\n\r\n", b"400"),
        (upload_head("Transfer-Encoding: chunked"), b"ffffffff\r\n" + b"A" * 100_000, b"400"),
        (upload_head("Content-Length: 3000000000"), b"", b"413"),
        (upload_head("Content-Length: 8", "Content-Encoding: gzip"), b"12345678", b"415"),
    ],
    ids=["too short", "half a chunk", "no last chunk", "2 GB in a line", "too long", "packed"],
)
def test_a_body_that_is_no_list_is_refused(service, head, begun, status):
    with connect(service) as client:
        client.sendall(head + begun)
        client.shutdown(socket.SHUT_WR)
        assert status == client.recv(1000).split()[1]
    assert place_is_free(service)


def test_a_trickle_is_ended(service):
    """Whatever its Content-Length, a body that trickles does not keep its thread."""
    with connect(service) as client:
        client.sendall(upload_head("Content-Length: 1000000"))
        began = time.monotonic()
        ended = False
        while not ended and time.monotonic() - began < 60:
            ended = bool(select([client], [], [], 0.2)[0])  # an answer, or the end
            client.sendall(b"C")
        assert ended
    assert place_is_free(service)
