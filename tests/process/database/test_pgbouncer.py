"""PgBouncer in transaction mode: each transaction may be on another connection to the server.

Prepared statements are on if the PgBouncer here tracks them, as in the overlay `production`, and
off behind Debian 12's 1.18, as docs/postgresql.md says. `PATH` chooses another one.
"""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from service.store.postgresql.conninfo import SERVER_SETTINGS
from tests.plugins.system_packages import require
from tests.support.pgbouncer import prepares
from tests.support.running import end, free_port, running
from tests.support.tokens import bearer
from tests.support.waiting import listens, wait_until
from tests.tools.history.engines.postgresql import postgresql

SERVER_CONNECTIONS = 3
"""Fewer connections than the service opens, so that they are shared."""
CONFIG = """
[databases]
discount = host={host} port={port} dbname=discount user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
ignore_startup_parameters = options
"""


@contextmanager
def pgbouncer(folder, address):
    """Run PgBouncer in front of a server as docs/postgresql.md says, and yield the URL."""
    listen = free_port()
    config = folder / "pgbouncer.ini"
    host, port = address
    text = CONFIG.format(host=host, port=port, listen=listen, size=SERVER_CONNECTIONS)
    config.write_text(text + ("max_prepared_statements = 200\n" if prepares() else ""))
    as_whom = ["-u", "nobody"] if os.geteuid() == 0 else []  # it does not run as root
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(
            [require("pgbouncer"), *as_whom, str(config)], stdout=log, stderr=log
        )
        try:
            wait_until(lambda: listens(listen), "PgBouncer does not listen")
            yield f"postgresql://postgres@127.0.0.1:{listen}/discount"
        finally:
            end(process)


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    """A service behind PgBouncer, and the server behind that."""
    require("pgbouncer")
    folder = tmp_path_factory.mktemp("pgbouncer")
    with postgresql(folder) as database:
        with database.connect() as connection:
            for name, value in SERVER_SETTINGS.items():
                connection.execute(f"ALTER DATABASE discount SET {name} = '{value}'")
        with pgbouncer(folder, database.server.address) as url:
            settings = {
                "DISCOUNT_DATABASE_URL": url,
                "DISCOUNT_PREPARED_STATEMENTS": "true" if prepares() else "false",
            }
            with running(folder, **settings) as service:
                yield service, database


def fetch(service, user):
    url = f"{service.url}/v1/discount/fetch/brand1/{user}"
    return requests.get(url, headers=bearer(), timeout=20)


def create(service, count, **headers):
    url = f"{service.url}/v1/discount/create"
    body = {"brand": "brand1", "number_to_create": count}
    return requests.post(url, json=body, headers=bearer() | headers, timeout=20)


def test_every_user_gets_one_code_and_keeps_it(behind):
    service, database = behind
    assert 200 == create(service, 100).status_code
    users = [f"user{number % 80}" for number in range(240)]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda user: fetch(service, user), users))
    assert {200} == {answer.status_code for answer in answers}
    answered = {(user, answer.text) for user, answer in zip(users, answers, strict=True)}
    assert 80 == len(answered) == len({code for _, code in answered})
    with database.connect() as connection:
        seen = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'discount'"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert 0 < seen[0] <= SERVER_CONNECTIONS


def test_repeated_requests_at_once_create_once(behind):
    service, _ = behind
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: create(service, 3, **{"Idempotency-Key": "one"}), range(8))
        )
    assert 1 == len({answer.text for answer in answers})
    assert {200} == {answer.status_code for answer in answers}


def test_the_time_limits_hold(behind):
    """PgBouncer drops the service's session settings; the database has them instead."""
    service, database = behind
    create(service, 5)
    with database.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE code")
        began = time.monotonic()
        assert 503 == fetch(service, "somebody").status_code
        assert time.monotonic() - began < 5 + 8  # an allowance for a busy machine
    assert 200 == fetch(service, "somebody").status_code
