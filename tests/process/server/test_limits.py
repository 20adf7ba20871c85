"""Rate limits in a real server of several workers, without a shared count."""

import subprocess
from statistics import median

import requests

from tests.plugins.system_packages import require
from tests.support.running import running
from tests.support.tokens import bearer

CALLS = 20


def answers(service, number):
    """Make calls on separate connections, so that every worker gets some."""
    url = f"{service.url}/v1/nothing"
    return [requests.get(url, headers=bearer(), timeout=30) for _ in range(number)]


def statuses(found):
    return [answer.status_code for answer in found]


def test_workers_share_a_limit_by_redis_and_serve_on_without_it(tmp_path):
    server = require("redis-server")
    place = tmp_path / "redis"
    redis = subprocess.Popen(
        [server, "--port", "0", "--unixsocket", place, "--save", ""], stdout=subprocess.DEVNULL
    )
    try:
        with running(
            tmp_path,
            WEB_CONCURRENCY="2",
            DISCOUNT_RATE_LIMIT=f"{CALLS}/86400s",
            DISCOUNT_RATE_LIMIT_STORAGE_URL=f"redis+unix://{place}",
        ) as service:
            assert [404] * CALLS + [429] * 5 == statuses(answers(service, CALLS + 5))
            redis.kill()
            redis.wait()
            after = answers(service, CALLS)
            assert [404] * CALLS == statuses(after)
            waited = median(answer.elapsed.total_seconds() for answer in after)
            assert waited < 0.25, "callers wait for what is gone"
            (off,) = [line for line in service.lines if line["event"] == "fast_path_off"]
            assert "DISCOUNT_RATE_LIMIT_STORAGE_URL" == off["setting"]
            warnings = [line for line in service.lines if line["event"] == "rate_limits_not_shared"]
            assert 1 <= len(warnings) <= 2  # at most one a worker
    finally:
        redis.kill()
        redis.wait()
