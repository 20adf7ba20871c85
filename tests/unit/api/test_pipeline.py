"""The steps of every call on both ways: their order, and that nothing is parsed before them."""

import contextvars
import time
from types import SimpleNamespace
from typing import Any

import pytest

from service.api.pipeline import Pipeline
from service.api.problems.http_errors import NotFound
from service.auth.authentication import CALLER
from service.auth.caller import Caller, Scope
from service.domain.errors import (
    BrandNotFound,
    Forbidden,
    InvalidRequest,
    Unauthenticated,
    Unavailable,
)
from service.observability.exchange import Exchange, Pseudonyms, RequestRecord, use_exchange
from service.usecases import deadlines

ALLOWED = Caller("issuer", "billing", frozenset({Scope.READ}), frozenset({"acme"}))
STRANGER = Caller("issuer", "billing", frozenset(), frozenset())
LATE = time.monotonic() - 2 * deadlines.ANSWER_TIMEOUT_S
OPERATION: Any = SimpleNamespace(path="/v1/{brand}", scopes=(Scope.READ,), view=lambda brand: brand)


class Call:
    """A call of an operation, and a record of its steps."""

    def __init__(self, path="/v1/acme", **environ):
        self.environ: dict[str, Any] = {"PATH_INFO": path, "RAW_URI": path, **environ}
        self.record = RequestRecord({}, Pseudonyms(lambda: b""))
        self.steps: list[str] = []

    def perform(self, caller=ALLOWED, arrived=None, brand="acme"):
        def authenticate(_):
            self.steps.append("authenticate")
            if caller is None:
                raise Unauthenticated
            return caller

        def read():
            self.steps.append("read")
            return {"brand": brand}

        def run():
            use_exchange(Exchange(self.record))
            deadlines.begin(arrived or time.monotonic())
            pipeline = Pipeline(authenticate, None)
            return pipeline.perform(OPERATION, self.environ, brand, read)

        return contextvars.copy_context().run(run)


def test_a_call_is_recorded_and_its_view_called_with_what_was_read():
    call = Call()
    assert "acme" == call.perform()
    assert ["authenticate", "read"] == call.steps
    assert ("/v1/{brand}", "acme") == (call.record.route, call.record.brand)


def test_a_caller_is_authenticated_once():
    """A call that is repeated when its body has arrived counts once against its rate limit."""
    call = Call()
    call.perform()
    call.perform(caller=None)
    assert ["authenticate", "read", "read"] == call.steps
    assert ALLOWED is call.environ[CALLER]


@pytest.mark.parametrize(
    ("call", "options", "refusal", "steps"),
    [
        (Call(), {"arrived": LATE, "caller": None}, Unavailable, []),
        (Call("/v1/\xff"), {"caller": None}, InvalidRequest, []),
        (Call(QUERY_STRING="a=%f"), {"caller": None}, InvalidRequest, []),
        (Call(), {"caller": None}, Unauthenticated, ["authenticate"]),
        (Call(RAW_URI="/v1%2Facme"), {"caller": STRANGER}, Forbidden, ["authenticate"]),
        (Call(RAW_URI="/v1%2Facme"), {"brand": "other"}, BrandNotFound, ["authenticate"]),
        (Call(RAW_URI="/v1%2Facme"), {}, NotFound, ["authenticate"]),
        (Call("//v1/acme"), {}, NotFound, ["authenticate"]),
    ],
)
def test_the_first_error_is_reported(call, options, refusal, steps):
    with pytest.raises(refusal):
        call.perform(**options)
    assert steps == call.steps
    assert "/v1/{brand}" == call.record.route, "also of a call that is refused"
    assert call.record.brand is None
