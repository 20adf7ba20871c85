"""Rate limits: each caller has its own, and harms no other."""

import itertools
import json
import os
import signal
import subprocess
import time
from contextlib import closing
from dataclasses import replace

import pytest
import structlog
from redis import Redis as Connection

from service.api.limits import rate_limits as limits
from service.app import create_app
from service.container.services import build
from service.settings import RateLimit, SettingsError
from tests.api.conftest import C
from tests.api.limits.windows import DAY, fresh, left, standing, until_refused
from tests.plugins.system_packages import require
from tests.support.tokens import bearer


@pytest.fixture
def engine():
    """Callers are counted before a database is queried."""
    return "sqlite"


@pytest.fixture
def settings(settings):
    return replace(settings, rate_limit=RateLimit(3, DAY))


class TestCaller:
    def test_it_learns_its_remaining_calls(self, client, auth):
        answers = [client.get("/v1/brands", headers=auth) for _ in range(3)]
        assert [2, 1, 0] == [left(answer) for answer in answers]
        for answer in answers:
            assert f'"caller";q=3;w={DAY}' == answer.headers["RateLimit-Policy"]
            assert 0 < standing(answer)[1] <= DAY

    def test_over_its_limit_it_is_refused_until_the_window_ends(self, client, auth, refused):
        for _ in range(3):
            assert 200 == client.get("/v1/brands", headers=auth).status_code
        answer = client.get("/v1/brands", headers=auth)
        refused(answer, 429, "rate-limited")
        assert (0, int(answer.headers["Retry-After"])) == standing(answer)
        assert f'"caller";q=3;w={DAY}' == answer.headers["RateLimit-Policy"]

    def test_it_has_calls_again_after_retry_after(self, settings, refused):
        with fresh(replace(settings, rate_limit=RateLimit(1, 2))) as client:
            answer = until_refused(client)
            refused(answer, 429, "rate-limited")
            time.sleep(int(answer.headers["Retry-After"]))
            assert 404 == client.get("/v1/x", headers=bearer()).status_code

    def test_another_caller_has_its_own(self, client):
        for _ in range(4):
            last = client.get("/v1/brands", headers=bearer(sub="greedy"))
        assert 429 == last.status_code
        assert 2 == left(client.get("/v1/brands", headers=bearer(sub="modest")))

    def test_another_token_address_or_header_makes_no_other_caller(self, client):
        for number in range(4):
            headers = bearer(jti=str(number), exp=time.time() + 60 + number) | {
                "X-Forwarded-For": f"10.0.0.{number}",
                "Forwarded": f"for=10.0.0.{number}",
                "User-Agent": str(number),
            }
            address = {"REMOTE_ADDR": f"10.1.0.{number}"}
            last = client.get("/v1/brands", headers=headers, environ_overrides=address)
        assert 429 == last.status_code

    def test_names_that_could_be_taken_for_each_other_are_two_callers(self, client):
        """The separator of issuer and subject in a counter's name may occur in either."""
        for subject in ("a", ":a", "8:discount:a", "discount:a", "ä", "\n", "a" * 255):
            assert 2 == left(client.get("/v1/brands", headers=bearer(sub=subject)))


class TestWhatCounts:
    def test_every_call_of_a_known_caller_counts_and_says_so(self, client, auth):
        """A refused call counts, too."""
        for call, status in (
            (lambda: client.get("/v1/nothing", headers=auth), 404),
            (lambda: client.get("/v1/brands", headers=bearer(scope="")), 403),
            (lambda: client.post("/v1/discount/create", data="{", headers=auth), 415),
            (lambda: client.get("/v1/brands", headers=auth), 429),
        ):
            answer = call()
            assert status == answer.status_code
            assert {"RateLimit", "RateLimit-Policy"} <= set(answer.headers.keys())

    def test_strangers_use_up_nobodys_calls(self, client, auth):
        """Anonymous callers have no limit: one would use up the limit of the others."""
        for headers in ({}, bearer(exp=1), {"Authorization": "Bearer x"}) * 3:
            answer = client.get("/v1/brands", headers=headers)
            assert 401 == answer.status_code
            assert "RateLimit" not in answer.headers
        assert 2 == left(client.get("/v1/brands", headers=auth))

    @pytest.mark.parametrize(
        "path", ["/livez", "/readyz", "/apidocs/", "/apispec_1.json", "/problems/rate-limited"]
    )
    def test_what_is_open_has_no_limit(self, client, auth, path):
        for _ in range(5):
            answer = client.get(path, headers=auth)
            assert 200 == answer.status_code
            assert "RateLimit" not in answer.headers

    def test_a_refusal_changes_nothing_and_reads_no_body(self, client, auth, changes, refused):
        for _ in range(3):
            client.get("/v1/brands", headers=auth)
        before = changes()
        for body in ({"brand": "brand1", "number_to_create": 1}, {"bad": 1}):
            answer = client.post("/v1/discount/create", json=body, headers=auth)
            refused(answer, 429, "rate-limited")
        refused(client.put(f"{C}/reservations/user1", headers=auth), 429, "rate-limited")
        assert before == changes()

    def test_off_is_off(self, settings):
        with fresh(replace(settings, rate_limit=None)) as client:
            for _ in range(5):
                answer = client.get("/v1/nothing", headers=bearer())
                assert 404 == answer.status_code
                assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers.keys())


class TestLocalCounts:
    def test_the_memory_of_a_window_that_is_over_is_given_back(self):
        counts = limits.LocalCallCounter()
        for number in range(100):
            assert 1 == counts.add(f"caller {number}", 1)
        assert 1 == counts.add("caller 1", 2)
        assert 1 == len(counts._counts)  # noqa: SLF001 - nothing else can tell

    def test_a_clock_that_is_set_back_locks_nobody_out(self):
        counts = limits.LocalCallCounter()
        assert [1, 1, 2] == [counts.add("caller", window) for window in (7, 3, 3)]


@pytest.fixture
def redis(tmp_path):
    """A real Redis, which may be killed, stopped and started again."""
    server = require("redis-server")
    with closing(Redis(server, tmp_path / "redis")) as redis:
        yield redis


class Redis:
    def __init__(self, server, place):
        self.server, self.socket = server, place
        self.url = f"redis+unix://{place}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.server, "--port", "0", "--unixsocket", self.socket, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while not self.socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


@pytest.fixture
def shared(settings, redis):
    return replace(settings, rate_limit_storage_url=redis.url)


def events(log):
    return [
        line["event"]
        for line in map(json.loads, log.text.splitlines())
        if line["event"] != "request"
    ]


class TestRedis:
    def test_processes_share_one_limit(self, shared):
        with fresh(shared) as one, fresh(shared) as other:
            clients = itertools.cycle((one, other))
            answers = [next(clients).get("/v1/x", headers=bearer()) for _ in range(4)]
        assert [2, 1, 0, 0] == [left(answer) for answer in answers]
        assert [404, 404, 404, 429] == [answer.status_code for answer in answers]

    def test_a_window_ends_there_too(self, shared):
        with fresh(replace(shared, rate_limit=RateLimit(1, 2))) as client:
            time.sleep(int(until_refused(client).headers["Retry-After"]))
            assert 404 == client.get("/v1/x", headers=bearer()).status_code

    def test_counts_are_forgotten(self, shared, redis):
        """Counters expire, as the Redis may be shared."""
        with fresh(replace(shared, rate_limit=RateLimit(10, 1))) as client:
            client.get("/v1/x", headers=bearer())
        with Connection(unix_socket_path=str(redis.socket)) as connection:
            (key,) = connection.keys()
            assert key.startswith(b"discount:limit:")
            assert 0 < connection.ttl(key) <= 2

    @pytest.mark.parametrize("failure", ["killed", "hanging"])
    def test_an_outage_is_survived_and_logged_once(self, shared, redis, log, failure, monkeypatch):
        """Calls are served soon, and each process counts on its own until Redis is back."""
        monkeypatch.setattr(limits, "RETRY_INTERVAL_S", 0.5)
        with fresh(shared, log) as client:
            assert 2 == left(client.get("/v1/x", headers=bearer()))
            redis.close() if failure == "killed" else redis.signal(signal.SIGSTOP)
            started = time.monotonic()
            answers = [client.get("/v1/x", headers=bearer()) for _ in range(10)]
            assert time.monotonic() - started < 5 * limits.REDIS_TIMEOUT_S
            assert [404] * 3 + [429] * 7 == [answer.status_code for answer in answers]
            time.sleep(limits.RETRY_INTERVAL_S)
            assert 429 == client.get("/v1/x", headers=bearer()).status_code
            assert ["rate_limits_not_shared"] == events(log)

            redis.start() if failure == "killed" else redis.signal(signal.SIGCONT)
            time.sleep(limits.RETRY_INTERVAL_S)
            assert 404 == client.get("/v1/x", headers=bearer()).status_code
            assert ["rate_limits_not_shared", "rate_limits_shared"] == events(log)

    def test_an_outage_is_seen_without_calls_and_each_failed_attempt_counted(self, redis, log):
        failures: list[None] = []
        logger = structlog.wrap_logger(structlog.PrintLogger(log))
        url = limits._as_redis_url(redis.url)  # noqa: SLF001
        counts = limits.RedisCallCounter(url, 60, logger, lambda: failures.append(None))
        counts.check()
        assert (True, 0) == (counts.is_shared, len(failures))
        redis.close()
        for number in range(1, 3):
            counts.check()
            assert (False, number) == (counts.is_shared, len(failures))
        redis.start()
        counts.check()
        assert (True, 2) == (counts.is_shared, len(failures))

    def test_it_need_not_be_there_at_the_start(self, shared, redis, log):
        redis.close()
        with fresh(shared, log) as client:
            assert 2 == left(client.get("/v1/x", headers=bearer()))
        assert ["rate_limits_not_shared"] == events(log)

    def test_nothing_secret_is_logged_of_it(self, settings, log):
        url = "redis://user:pass-word@127.0.0.1:1/0"
        with fresh(replace(settings, rate_limit_storage_url=url), log) as client:
            client.get("/v1/x", headers=bearer())
        assert ["rate_limits_not_shared"] == events(log)
        assert "pass-word" not in log.text

    @pytest.mark.parametrize("url", ["redis://host:port", "redis://:secret#word@host"])
    def test_an_address_that_is_none_stops_the_start(self, settings, url):
        with pytest.raises(SettingsError, match="DISCOUNT_RATE_LIMIT_STORAGE_URL") as stopped:
            create_app(build(replace(settings, rate_limit_storage_url=url)))
        assert "secret" not in str(stopped.value)
