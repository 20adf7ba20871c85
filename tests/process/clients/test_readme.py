"""The README's Python, as it is written, against a running service."""

import json
import os
import re
import subprocess
import time

import pytest
import requests

from service.settings import HOME
from tests.support.running import running
from tests.support.tokens import token
from tests.support.waiting import get_when_up


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service for this module, with few calls a second for each caller."""
    with running(tmp_path_factory.mktemp("service"), DISCOUNT_RATE_LIMIT="4/1s") as service:
        get_when_up(f"{service.url}/readyz")
        yield service


@pytest.fixture(scope="module")
def written(service):
    """What the README's code defines, with tokens of an issuer that counts them."""
    (source,) = re.findall(r"```python\n(.*?)```", (HOME / "README.md").read_text(), re.DOTALL)
    issued = []

    def new_token():
        issued.append(token())
        return issued[-1], time.time() + 3600

    defined = {"new_token": new_token, "issued": issued}
    exec(source.replace("http://127.0.0.1:5000", service.url), defined)  # noqa: S102 - it is ours
    return defined


def test_the_same_order_creates_once_and_the_same_user_gets_the_same_code(written):
    codes = written["create"](3, "order-1")
    assert codes == written["create"](3, "order-1")
    assert written["code_for"]("user1@shop") in codes
    assert written["code_for"]("user1@shop") == written["code_for"]("user1@shop")


def test_it_waits_as_long_as_the_service_says(written):
    codes = {written["code_for"]("user2") for _ in range(8)}
    assert 1 == len(codes)
    assert codes != {None}


def test_a_token_is_renewed_before_its_end(written):
    auth, issued = written["discounts"].auth, written["issued"]
    (before,) = issued
    auth.expires_at = time.time() + 59
    auth(requests.Request())
    assert [before, auth.token] == issued


def test_a_checkout(service, written):
    """The commands in the order of the text, for a code that was typed in small letters."""
    written["create"](1, "order-2")
    code = written["code_for"]("user1")
    text = (HOME / "README.md").read_text().partition("### At checkout")[2]
    source = text.partition("```sh\n")[2].partition("```")[0]
    given = {"TOKEN": token(sub="checkout"), "TYPED": code.lower(), "PATH": os.environ["PATH"]}
    script = "set -euo pipefail\n" + source.replace("http://127.0.0.1:5000", service.url)
    done = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 - the one of this machine
        env=given,
        capture_output=True,
        text=True,
        check=True,
    )
    held, redeemed = map(json.loads, done.stdout.splitlines())
    assert (code, "order-17") == (held["code"], held["reference"])
    assert (code, "user1") == (redeemed["code"], redeemed["user"])
    shown = written["discounts"].get(f"{written['URL']}/codes/{code}").json()
    assert ("reserved", None) == (shown["state"], shown["redeemed_at"])
