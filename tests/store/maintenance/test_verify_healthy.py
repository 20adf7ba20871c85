"""`discount verify` finds nothing in a healthy database, whatever calls have been made."""

import random
import sqlite3
from contextlib import closing
from itertools import count
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from service.store.maintenance.verify import verify
from tests.support.engines import on_sqlite
from tests.support.working import Strict, purge, worker

NAMES = ["brand-1", "бренд", "日本 {brand} %s", "a'b\"c", "🎟️", "e\u0301", "\u2028x", "\ue000"]
"""Brands with every character that SQL, formats and terminals might interpret."""
STEPS = 80


def breaches(url):
    return {found.name: found.where for found in verify(url) if found.breaches}


def execute(url, sql):
    """Run a statement in a database."""
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql)
    else:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(sql)


class Calls:
    """Every kind of call, in any order, with and without an Idempotency-Key."""

    def __init__(self, client: FlaskClient, auth: dict[str, str], chance: random.Random) -> None:
        self._client, self._auth, self._chance = client, auth, chance
        self._keys = count()
        self._jobs: list[str] = []
        self._codes: list[str] = []
        self.kinds = [
            *(self.create, self.create_in_campaign, self.reserve, self.fetch),
            *(self.generate, self.import_list, self.cancel, self.repeat),
        ]
        self._last: tuple[str, dict[str, Any]] | None = None

    def post(self, path, **options):
        headers = dict(self._auth) | options.pop("headers", {})
        if self._chance.random() < 0.7:
            headers["Idempotency-Key"] = f"key-{next(self._keys)}"
            self._last = path, options | {"headers": headers}
        answer = self._client.post(path, headers=headers, **options)
        assert answer.status_code < 500, answer.text
        if answer.status_code == 202:
            self._jobs.append(answer.headers["Location"])
        if isinstance(answer.json, list):
            self._codes += answer.json

    def campaign(self):
        return f"/v1/brands/{self._chance.choice(NAMES)}/campaigns/default"

    def create(self):
        body = {"brand": self._chance.choice(NAMES), "number_to_create": self._chance.randint(1, 5)}
        self.post("/v1/discount/create", json=body)

    def create_in_campaign(self):
        self.post(f"{self.campaign()}/codes", json={"number_to_create": 3})

    def reserve(self):
        user = f"user-{self._chance.randint(1, 9)}"
        self._client.put(f"{self.campaign()}/reservations/{user}", headers=self._auth)

    def fetch(self):
        path = f"/v1/discount/fetch/{self._chance.choice(NAMES)}/{self._chance.randint(1, 9)}"
        self._client.get(path, headers=self._auth)

    def generate(self):
        total = self._chance.choice([1, 7, 2000])
        self.post(f"{self.campaign()}/jobs", json={"kind": "generate", "count": total})

    def import_list(self):
        fresh = [f"{self._chance.getrandbits(64):016X}" for _ in range(5)]
        known = self._chance.sample(self._codes, min(2, len(self._codes)))
        lines = self._chance.choice([fresh, fresh * 2, fresh + known, known, [*fresh, "!"], []])
        dry_run = self._chance.choice(["", "?dry_run=true"])
        content = "\n".join(["code", *lines, ""])
        self.post(
            f"{self.campaign()}/imports{dry_run}",
            data=content,
            headers={"Content-Type": "text/csv"},
        )

    def cancel(self):
        if self._jobs:
            self._client.delete(self._chance.choice(self._jobs), headers=self._auth)

    def repeat(self):
        if self._last:
            path, options = self._last
            assert self._client.post(path, **options).status_code < 500


OTHER_SEEDS = [pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2)]


@pytest.mark.parametrize("seed", [0, *OTHER_SEEDS])
def test_every_kind_of_call_in_any_order_leaves_it_sound(client, auth, database, settings, seed):
    chance = random.Random(seed)  # noqa: S311 - chooses what a test does
    calls = Calls(client, auth, chance)
    for _ in range(STEPS):
        chance.choice(calls.kinds)()
        if chance.random() < 0.3:
            one_chunk(database, chance)
        if chance.random() < 0.1:
            assert {} == breaches(settings.database_url)
    while worker(database, Strict()).do_due():
        pass
    assert {} == breaches(settings.database_url)
    purge(database)
    assert {} == breaches(settings.database_url)


def one_chunk(database, chance):
    """Let a worker stop within a job that is due."""
    worker(database, Strict(), [False] * chance.randint(0, 2) + [True] * 99).do_due()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("jobs", {"json": {"kind": "generate", "count": 5}}),
        ("imports", {"data": "AAAA-1\n", "content_type": "text/csv"}),
        ("imports?dry_run=true", {"data": "AAAA-1\n", "content_type": "text/csv"}),
        ("codes", {"json": {"number_to_create": 3}}),
    ],
)
def test_an_answer_that_is_kept_is_taken_for_what_it_is(client, auth, settings, path, body):
    headers = auth | {"Idempotency-Key": "key"}
    answer = client.post(f"/v1/brands/new/campaigns/default/{path}", headers=headers, **body)
    assert answer.status_code in {201, 202}
    assert {} == breaches(settings.database_url)


@on_sqlite
def test_what_older_versions_wrote_is_sound(client, auth, settings):
    """Earlier versions stored answers without their kind, and a tally only with the first code."""
    headers = auth | {"Idempotency-Key": "key"}
    job = {"kind": "generate", "count": 5}
    for brand, path, body in (("b1", "jobs", job), ("b2", "codes", {"number_to_create": 2})):
        target = f"/v1/brands/{brand}/campaigns/default/{path}"
        assert client.post(target, headers=headers, json=body).status_code < 300
    older = "UPDATE idempotency SET kind = NULL; DELETE FROM tally WHERE brand_id = 1;"
    execute(settings.database_url, older)
    assert {} == breaches(settings.database_url)
