"""The context of a view without an application: the record of a request, and its caller."""

import contextvars

import pytest
from flask import Flask

from service.auth.authentication import CALLER
from service.auth.caller import Caller
from service.observability.exchange import Exchange, Pseudonyms, RequestRecord, use_exchange

BILLING = Caller("issuer", "billing", frozenset(), frozenset({"acme"}))


@pytest.fixture
def call():
    """Call a view as the pipeline does; return its reply, and the logged outcome."""

    def call(view, path="/", caller=BILLING, **arguments):
        record = RequestRecord({}, Pseudonyms(lambda: b""))

        def run():
            use_exchange(Exchange(record))
            with Flask("views").test_request_context(path, environ_overrides={CALLER: caller}):
                return view(**arguments)

        return contextvars.copy_context().run(run), record.outcome

    return call
