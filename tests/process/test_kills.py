"""Processes are killed with -9 under load: every answer that was given still holds.

Twelve kills in `make test`; `DISCOUNT_TEST_KILLS=50` asks for more.
"""

import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import uuid
from collections import Counter, defaultdict
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from tests.running import DISCOUNT, START_WITHIN_S, Running, environment, wait_until_ready
from tests.tokens import bearer

KILLS = int(os.environ.get("DISCOUNT_TEST_KILLS", "12"))
CLIENTS, USERS, FIRST_CODES = 8, 400, 300
SEED = 20261122


class Server:
    """A service whose processes die; whoever runs it starts it again, as Kubernetes would."""

    def __init__(self, folder):
        self.environment = environment(folder, WEB_CONCURRENCY="2")
        self.log = folder / "log"
        subprocess.run(
            [DISCOUNT, "db", "upgrade"], env=self.environment, check=True, capture_output=True
        )
        self.running = self.start()

    def start(self):
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [DISCOUNT, "serve"], env=self.environment, stdout=output, stderr=output
            )
        running = Running(process, self.environment, self.log)
        wait_until_ready(running)
        return running

    def kill_master(self):
        self.running.process.kill()
        self.running.process.wait()
        deadline = time.monotonic() + START_WITHIN_S
        while self.listens():  # its workers see that it is gone, and finish what they do
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.running = self.start()

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", int(self.environment["PORT"])), 1).close()
        except OSError:
            return False
        return True

    def kill_worker(self, chance):
        booted = re.findall(r"Booting worker with pid: (\d+)", self.log.read_text())
        for pid in chance.sample(booted[-2:], 2):
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return


class Client(threading.Thread):
    """Calls without a pause, repeats what was cut off, and remembers every answer."""

    def __init__(self, port, seed, stop):
        super().__init__(daemon=True)
        self.chance = random.Random(seed)  # noqa: S311 - an order, not a secret
        self.connection = HTTPConnection("127.0.0.1", port, timeout=15)
        self.stop = stop
        self.codes = defaultdict(set)
        self.created = {}
        self.statuses: Counter[int | str] = Counter()

    def run(self):
        with closing(self.connection):
            while not self.stop.is_set():
                if self.chance.random() < 0.1:
                    self.create(f"key-{uuid.uuid4()}")
                else:
                    self.fetch(f"user{self.chance.randrange(USERS)}")

    def fetch(self, user):
        status, answer = self.call("GET", f"/v1/discount/fetch/brand1/{user}")
        if status == 200:
            self.codes[user].add(answer["discount_code"])

    def create(self, key):
        body = json.dumps({"brand": "brand1", "number_to_create": 2})
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        status, answer = self.call("POST", "/v1/discount/create", body, headers)
        if status == 200:
            self.created[key] = answer

    def call(self, method, path, body=None, headers=()):
        """Call until there is an answer; what was cut off is repeated as it was."""
        while True:
            try:
                all_headers = bearer() | dict(headers)
                self.connection.request(method, path, body, all_headers)
                answer = self.connection.getresponse()
                content = json.loads(answer.read())
            except (OSError, HTTPException, ValueError):
                self.connection.close()
                self.statuses["cut off"] += 1
                if self.stop.is_set():
                    return None, None
                time.sleep(0.05)
                continue
            self.statuses[answer.status] += 1
            if answer.status == 503:
                time.sleep(0.05)
                continue
            return answer.status, content


def test_every_answer_outlives_the_process_that_gave_it(tmp_path):
    server = Server(tmp_path)
    port = int(server.environment["PORT"])
    stop = threading.Event()
    first = Client(port, SEED, threading.Event())
    first.call(
        "POST",
        "/v1/discount/create",
        json.dumps({"brand": "brand1", "number_to_create": FIRST_CODES}),
        {"Content-Type": "application/json"},
    )
    clients = [Client(port, SEED + number, stop) for number in range(CLIENTS)]
    chance = random.Random(SEED)  # noqa: S311 - an order, not a secret
    for client in clients:
        client.start()
    try:
        for number in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.8))
            server.kill_master() if number % 4 == 3 else server.kill_worker(chance)
        time.sleep(1)
        stop.set()
        for client in clients:
            client.join(30)
        told: defaultdict[str, set[str]] = defaultdict(set)
        for client in clients:
            for user, codes in client.codes.items():
                told[user] |= codes
        created = {key: codes for client in clients for key, codes in client.created.items()}
        check_answers(first, told, created)
    finally:
        first.connection.close()
        server.running.stop()
    check_database(tmp_path, told, created)
    verified = subprocess.run(
        [DISCOUNT, "verify"], env=server.environment, capture_output=True, text=True, check=False
    )
    assert 0 == verified.returncode, verified.stdout + verified.stderr
    statuses = sum((client.statuses for client in clients), Counter[int | str]())
    print(f"{KILLS} kills; {dict(statuses)}; {len(told)} users, {len(created)} creates")  # noqa: T201
    assert statuses[200] > 20 * KILLS
    assert statuses[500] == 0


def check_answers(caller, told, created):
    """Ask everything again: a user's code and a key's codes are what they were."""
    for user, codes in told.items():
        status, answer = caller.call("GET", f"/v1/discount/fetch/brand1/{user}")
        assert (200, codes) == (status, {answer["discount_code"]})
    for key, codes in created.items():
        caller.create(key)
        assert codes == caller.created[key]


def check_database(folder, told, created):
    """Nothing was created or given away beyond what was asked for."""
    with closing(sqlite3.connect(folder / "discount.db")) as connection:
        holders = dict(connection.execute("SELECT user_id, code FROM code WHERE user_id NOTNULL"))
        codes = {code for (code,) in connection.execute("SELECT code FROM code")}
        keys = connection.execute("SELECT count(*) FROM idempotency").fetchone()[0]
    assert {user: held.copy().pop() for user, held in told.items()}.items() <= holders.items()
    assert len(holders) == len(set(holders.values()))
    assert FIRST_CODES + 2 * keys == len(codes)
    assert len(created) <= keys <= len(created) + CLIENTS
    assert codes >= {code for some in created.values() for code in some}
