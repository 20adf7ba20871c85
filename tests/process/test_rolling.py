"""A rolling restart under load loses no call, as long as callers heed `/readyz`."""

import json
import threading
import time
from contextlib import ExitStack
from http.client import HTTPConnection

import requests

from tests.running import running
from tests.tokens import bearer

DRAIN_S = 1.0
ASK_EVERY_S = 0.1


class Balancer(threading.Thread):
    """Asks each replica whether it is ready, as a Kubernetes Service does."""

    def __init__(self, urls):
        super().__init__(daemon=True)
        self.urls = urls
        self.ready = list(urls)
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(ASK_EVERY_S):
            self.ready = [url for url in self.urls if is_ready(url)]


def is_ready(url):
    try:
        return requests.get(f"{url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def call_for_ever(balancer, user, stop, answers, failures):
    """Call whichever replica is ready, each time on a new connection; try nothing twice."""
    while not stop.is_set():
        host = balancer.ready[len(answers) % len(balancer.ready)].removeprefix("http://")
        connection = HTTPConnection(host, timeout=15)
        try:
            connection.request("GET", f"/v1/discount/fetch/brand1/{user}", headers=bearer())
            answer = connection.getresponse()
            content = json.loads(answer.read())
            answers.append((user, content["discount_code"]))
        except Exception as error:  # noqa: BLE001 - whatever it is, a call was lost
            failures.append(repr(error))
        finally:
            connection.close()


def test_a_rolling_restart_under_load_loses_nothing(tmp_path):
    """Two replicas over one file are stopped and started in turn."""
    settings = {"DISCOUNT_DRAIN_S": str(DRAIN_S)}
    with ExitStack() as stack:
        replicas = [stack.enter_context(running(tmp_path, **settings)) for _ in range(2)]
        created = requests.post(
            f"{replicas[0].url}/v1/discount/create",
            json={"brand": "brand1", "number_to_create": 50},
            headers=bearer(),
            timeout=10,
        )
        assert 200 == created.status_code
        balancer = Balancer([replica.url for replica in replicas])
        balancer.start()
        stop = threading.Event()
        answers: list[tuple[str, str]] = []
        failures: list[str] = []
        callers = [
            threading.Thread(
                target=call_for_ever, args=(balancer, f"user{number}", stop, answers, failures)
            )
            for number in range(6)
        ]
        for caller in callers:
            caller.start()
        for number in (0, 1):
            old = replicas[number]
            assert 0 == old.stop()
            again = running(tmp_path, **old.environment)
            replicas[number] = stack.enter_context(again)
            until(lambda: len(balancer.ready) == len(replicas))
        stop.set()
        for caller in callers:
            caller.join(30)
        balancer.stopped.set()
    assert [] == failures
    assert len(answers) > 100
    assert 6 == len(set(answers))


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
