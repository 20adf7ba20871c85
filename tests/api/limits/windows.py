"""Windows of rate limits in tests, and applications with other limits."""

import re

from service.app import create_app, services_of
from service.container.services import build
from tests.support.tokens import bearer

DAY = 86_400
"""A window that does not end while a test runs."""


def standing(answer):
    """Return the remaining calls of an answer, and the seconds until the reset."""
    fields = re.fullmatch(r'"caller";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert fields
    return int(fields[1]), int(fields[2])


def left(answer):
    return standing(answer)[0]


def until_refused(client):
    """Call until the limit of 1 is reached, as a window may end between two calls."""
    for _ in range(10):
        answer = client.get("/v1/x", headers=bearer())
        if answer.status_code == 429:
            return answer
    raise AssertionError("never refused")


class fresh:  # noqa: N801 - reads as a function
    """A client of an application with other settings, without tables."""

    def __init__(self, settings, log=None):
        self.app = create_app(build(settings, log_stream=log))

    def __enter__(self):
        return self.app.test_client()

    def __exit__(self, *_):
        services_of(self.app).storage.store.close()
