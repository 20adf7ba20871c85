"""The guarantee of the service under a race, on a real gunicorn with several processes."""

import json
import random
import sqlite3
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest
import requests

from tests.support.running import running
from tests.support.tokens import bearer

HEADERS = bearer()


@pytest.mark.parametrize(
    ("clients", "users", "codes"),
    [(24, 120, 90), pytest.param(64, 400, 300, marks=pytest.mark.long)],
)
def test_clients_race_users_for_codes(tmp_path, clients, users, codes):
    """As many users as codes get one each, for ever; the others get an error.

    Every client asks for every user in an order of its own, half the time by the GET and half by
    the PUT; answers are only 200, 201 and 404.
    """
    with running(tmp_path, WEB_CONCURRENCY="3") as service:
        created = requests.post(
            f"{service.url}/v1/discount/create",
            json={"brand": "brand1", "number_to_create": codes},
            headers=HEADERS,
            timeout=30,
        ).json()

        def race(seed):
            order = [f"user{number}" for number in range(users)]
            shuffle = random.Random(seed)  # noqa: S311 - an order, not a secret
            shuffle.shuffle(order)
            connection = HTTPConnection("127.0.0.1", int(service.environment["PORT"]), timeout=60)
            with closing(connection):
                return [(user, *ask(connection, user, shuffle)) for user in order]

        with ThreadPoolExecutor(clients) as pool:
            answers = [answer for some in pool.map(race, range(clients)) for answer in some]
        workers = {line["message"] for line in service.lines if "Booting" in str(line)}

    assert 3 == len(workers)
    assert clients * users == len(answers)
    statuses = Counter(status for _, status, _ in answers)
    assert {200, 201, 404} >= set(statuses), statuses
    answered = defaultdict(set)
    for user, status, code in answers:
        if status != 404:
            answered[user].add(code)
    assert all(len(some) == 1 for some in answered.values())
    held = {user: some.pop() for user, some in answered.items()}
    assert codes == len(held)
    assert set(created) == set(held.values())
    assert held == rows_of(tmp_path / "discount.db")


def ask(connection, user, chance):
    """Reserve once; return the status and the code."""
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
