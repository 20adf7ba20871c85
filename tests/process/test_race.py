"""The promise of the service, on a real gunicorn with several processes, under a race."""

import json
import os
import random
import sqlite3
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import requests

from tests.running import running
from tests.tokens import bearer

CLIENTS, USERS, CODES = 64, 400, 300
SHARE = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 4
"""Of so many users, a client asks for one: each user is asked for by as many clients fewer."""
HEADERS = bearer()


def test_64_clients_race_400_users_for_300_codes(tmp_path):
    """300 users get one code each, for ever; the others are told that none is left.

    Every client asks for a quarter of the users, in an order of its own, half the time by the GET
    and half by the PUT, so every user is asked for 16 times; answers are only 200, 201 and 404.
    With HYPOTHESIS_PROFILE=long every client asks for every user.
    """
    with running(tmp_path, WEB_CONCURRENCY="3") as service:
        created = requests.post(
            f"{service.url}/v1/discount/create",
            json={"brand": "brand1", "number_to_create": CODES},
            headers=HEADERS,
            timeout=30,
        ).json()

        def race(seed):
            order = [f"user{number}" for number in range(seed % SHARE, USERS, SHARE)]
            shuffle = random.Random(seed)  # noqa: S311 - an order, not a secret
            shuffle.shuffle(order)
            connection = HTTPConnection("127.0.0.1", int(service.environment["PORT"]), timeout=60)
            with closing(connection):
                return [(user, *ask(connection, user, shuffle)) for user in order]

        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = [answer for some in pool.map(race, range(CLIENTS)) for answer in some]
        workers = {line["message"] for line in service.lines if "Booting" in str(line)}

    assert 3 == len(workers)
    assert CLIENTS * USERS == SHARE * len(answers)
    statuses = Counter(status for _, status, _ in answers)
    assert {200, 201, 404} >= set(statuses), statuses
    told = defaultdict(set)
    for user, status, code in answers:
        if status != 404:
            told[user].add(code)
    assert all(len(codes) == 1 for codes in told.values())
    held = {user: codes.pop() for user, codes in told.items()}
    assert CODES == len(held)
    assert set(created) == set(held.values())
    assert held == rows_of(tmp_path / "discount.db")


def ask(connection, user, chance):
    """Ask once; return the status and the code."""
    method, path = chance.choice(
        [
            ("GET", f"/v1/discount/fetch/brand1/{user}"),
            ("PUT", f"/v1/brands/brand1/campaigns/default/reservations/{user}"),
        ]
    )
    connection.request(method, path, headers=HEADERS)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()).get("discount_code")


def rows_of(database):
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT user_id, code FROM code WHERE user_id IS NOT NULL"))
