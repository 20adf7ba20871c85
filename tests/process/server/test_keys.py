"""Keys of a real service: rotation under load, a real issuer, and killed workers."""

import json
import os
import signal
import socket
import threading
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPConnection
from operator import ge

import pytest
import requests

from tests.support.issuer import Issuer, answer, serving
from tests.support.running import free_port, running
from tests.support.tokens import SECRET, bearer, forged, part
from tests.support.waiting import get_when_up, wait_until

WORKERS = 2
PAUSE_S = 0.005
"""The pause after each call of a client: calls should be frequent, but not use up the machine."""


class Load:
    """Clients that call repeatedly, each with a token of its own."""

    def __init__(self, service, headers, clients=2):
        self.headers = headers
        self._port = int(service.environment["PORT"])
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=[n]) for n in range(clients)]
        self._calls = [0] * clients
        self.statuses: Counter[int] = Counter()
        self.refused = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_each(self):
        """Wait until every client has completed its call and another one."""
        wanted = [calls + 2 for calls in self._calls]
        wait_until(lambda: all(map(ge, self._calls, wanted)), "a client hangs")

    def _call(self, number):
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.wait(PAUSE_S):
            headers = self.headers()
            connection.request("GET", "/v1/brands", headers=headers)
            got = connection.getresponse()
            body = got.read()
            self.statuses[got.status] += 1
            self._calls[number] += 1
            if got.status != 200:
                self.refused.append((headers, body))
        connection.close()


def with_kid(kid, secret):
    """Return a function that makes different tokens, so that none comes from the cache."""
    return lambda: {
        "Authorization": f"Bearer {forged({'kid': kid}, secret.encode(), jti=os.urandom(8).hex())}"
    }


def test_a_keys_file_rotates_under_load_and_nobody_is_wrongly_refused(tmp_path):
    secrets = {f"k{number}": f"{number} {SECRET}" for number in range(3)}
    file = tmp_path / "keys.json"

    def publish(*kids):
        entries = [{"kty": "oct", "kid": kid, "k": part(secrets[kid].encode())} for kid in kids]
        draft = tmp_path / "draft"
        draft.write_text(json.dumps({"keys": entries}))
        draft.replace(file)

    publish("k0")
    with running(
        tmp_path,
        WEB_CONCURRENCY=str(WORKERS),
        DISCOUNT_JWT_SECRET=None,
        DISCOUNT_JWT_KEYS_FILE=str(file),
    ) as service:

        def publish_and_wait(*kids):
            """Wait until every worker has noticed that the file has changed."""
            before = renewals(service)
            publish(*kids)

            def noticed():
                """Call on a new connection: each client stays with one worker."""
                requests.get(f"{service.url}/v1/brands", headers=load.headers(), timeout=30)
                return renewals(service) >= before + WORKERS

            wait_until(noticed, "a worker does not notice")

        with Load(service, with_kid("k0", secrets["k0"])) as load:
            load.wait_for_each()
            for old, new in (("k0", "k1"), ("k1", "k2")):
                publish_and_wait(old, new)
                load.headers = with_kid(new, secrets[new])
                load.wait_for_each()
                publish_and_wait(new)
                stale = with_kid(old, secrets[old])()
                for _ in range(10):  # whichever worker answers
                    url = f"{service.url}/v1/brands"
                    assert 401 == requests.get(url, headers=stale, timeout=30).status_code
        assert {200} == set(load.statuses), load.refused[:3]
        assert not any(secret in service.log.read_text() for secret in secrets.values())


def test_a_worker_that_is_replaced_during_an_outage_of_the_issuer_verifies_all_the_same(tmp_path):
    issuer = Issuer()
    with ExitStack() as stack:
        with serving(issuer) as url:
            settings = {"WEB_CONCURRENCY": "2", "DISCOUNT_JWT_SECRET": None}
            service = stack.enter_context(running(tmp_path, DISCOUNT_JWT_JWKS_URL=url, **settings))
        fetches = issuer.fetches
        for _ in range(2):
            before = service.workers
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(service.workers - before) == 2)  # noqa: B023 - it is called in this round
            for _ in range(20):
                listed = get_when_up(f"{service.url}/v1/brands", issuer.bearer())
                assert 200 == listed.status_code
        assert fetches == issuer.fetches
        assert "keys_not_renewed" in {line["event"] for line in service.lines}


def test_without_its_issuer_it_starts_says_what_is_missing_and_recovers_by_itself(tmp_path):
    issuer = Issuer()
    broken = threading.Event()
    seen: list[requests.Response] = []

    def fail_until_it_was_seen(handler):
        if broken.is_set():
            issuer.publish(handler)
        else:
            answer(handler, b"", 503)

    def look(port):
        seen.append(get_when_up(f"http://127.0.0.1:{port}/readyz"))
        seen.append(get_when_up(f"http://127.0.0.1:{port}/livez"))
        broken.set()

    issuer.say = fail_until_it_was_seen
    port = str(free_port())
    watcher = threading.Thread(target=look, args=[port])
    watcher.start()
    settings = {"PORT": port, "DISCOUNT_JWT_SECRET": None}
    with (
        serving(issuer) as url,
        running(tmp_path, DISCOUNT_JWT_JWKS_URL=url, **settings) as service,
    ):
        watcher.join()
        assert [503, 200] == [found.status_code for found in seen]
        assert "unavailable" == seen[0].json()["checks"]["keys"]
        assert 200 == requests.get(f"{service.url}/readyz", timeout=30).status_code
        reasons = {line.get("reason") for line in service.lines}
        assert "The URL answers with status 503." in reasons


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service that no test changes."""
    with running(tmp_path_factory.mktemp("service")) as running_service:
        yield running_service


class TestTwoHeaders:
    """Two Authorization fields are ambiguous."""

    @pytest.mark.parametrize(
        "fields",
        [
            "Authorization: {good}\r\nAuthorization: {good}",
            "Authorization: {good}\r\nAuthorization: Bearer x",
            "Authorization: Bearer x\r\nAuthorization: {good}",
            "Authorization: {good}\r\nauthorization: Basic dTpw",
            "Authorization: Basic dTpw\r\nAUTHORIZATION: {good}",
            "Authorization: {good}\r\nAuthorization:",
            "Authorization:\r\nAuthorization: {good}",
            "Authorization: {good}\r\n X: y",
            "Authorization : {good}",
            "Authorization_: {good}",
            "Proxy-Authorization: {good}",
            "X-Authorization: {good}",
        ],
    )
    def test_are_refused(self, service, fields):
        assert self.status(service, fields) in {400, 401}
        if fields.lower().count("authorization:") == 2:
            assert 401 == self.status(service, fields)

    @pytest.mark.parametrize("fields", ["Authorization: {good}", "AUTHORIZATION:   {good}  \t"])
    def test_one_is_not(self, service, fields):
        assert 200 == self.status(service, fields)

    def status(self, service, fields):
        head = fields.format(good=bearer()["Authorization"])
        raw = f"GET /v1/brands HTTP/1.1\r\nHost: x\r\n{head}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(
            ("127.0.0.1", int(service.environment["PORT"])), 10
        ) as client:
            client.sendall(raw.encode())
            return int(client.makefile("rb").readline().split()[1])


def renewals(service):
    """Count how often a worker has loaded new keys."""
    return sum(line["event"] == "keys_renewed" for line in service.lines)
