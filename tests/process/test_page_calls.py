"""Callers that list codes repeatedly wait for each other, and delay no other caller."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
import requests

from tests.support.running import running
from tests.support.tokens import bearer

CODES = "/v1/brands/brand1/campaigns/default/codes?limit=1000"
READERS = 16
TOKEN = bearer()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One worker with four threads."""
    with running(tmp_path_factory.mktemp("service"), WEB_THREADS="4") as running_service:
        create = {"brand": "brand1", "number_to_create": 1000}
        url = f"{running_service.url}/v1/discount/create"
        assert 200 == requests.post(url, json=create, headers=TOKEN, timeout=20).status_code
        yield running_service


@pytest.fixture
def listing(service):
    """Let many callers list codes during the test, and return how long each call took."""
    ends, took = threading.Event(), []

    def read_on():
        with requests.Session() as session:
            while not ends.is_set():
                took.append(
                    seconds_of(lambda: session.get(service.url + CODES, headers=TOKEN, timeout=20))
                )

    with ThreadPoolExecutor(READERS) as readers:
        futures = [readers.submit(read_on) for _ in range(READERS)]
        yield took
        ends.set()
    for future in futures:
        future.result()


def seconds_of(call):
    began = time.monotonic()
    answer = call()
    assert 200 == answer.status_code, answer.text
    return time.monotonic() - began


# `Connection: close`, as HTTP/1.0 proxies send it, leads a reservation to the threads, too.
@pytest.mark.parametrize("path", ["/v1/brands/brand1", "/v1/discount/fetch/brand1/user1"])
def test_others_overtake_those_who_list(service, listing, path):
    while len(listing) < READERS:
        time.sleep(0.05)

    def call():
        headers = TOKEN | {"Connection": "close"}
        return requests.get(service.url + path, headers=headers, timeout=20)

    others = [seconds_of(call) for _ in range(9)]
    assert median(others) < median(listing) / 2
