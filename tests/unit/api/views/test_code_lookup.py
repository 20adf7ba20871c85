"""The views of one code, called without an application."""

import pytest

from service.api.limits.misses import Misses
from service.api.views.code_lookup import CodeLookupViews
from service.auth.caller import Caller
from service.domain.campaigns import Rules
from service.domain.errors import CodeNotFound, InvalidRequest, TooManyMisses
from service.domain.model import State
from service.domain.states import StoredCode
from service.usecases.code_lookup import Match
from service.usecases.keys import PoolKey
from service.usecases.ports.code_moves import FoundCode

OF_BRAND = {"brand": "acme", "code": "CODE1"}
OF_CAMPAIGN = OF_BRAND | {"campaign": "default"}


class Codes:
    """A brand of the given codes, held by a user."""

    def __init__(self, *codes):
        self.codes = codes

    def find_code(self, _brand, code):
        if code not in self.codes:
            raise CodeNotFound
        stored = StoredCode("u", 1)
        return FoundCode(PoolKey(1, 1), "default", code, 0, State.RESERVED, stored, Rules(), 0)

    def require_campaign(self, _brand, _campaign):
        """Do nothing: there is one."""


class Metrics:
    """Counts misses."""

    def __init__(self):
        self.misses = 0

    def code_misses(self, count):
        self.misses += count


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def views_of(metrics):
    misses = Misses(1, metrics)

    def views(*codes):
        found = Codes(*codes)
        return CodeLookupViews(found, found, misses)  # type: ignore[arg-type]

    return views


def calls(views):
    """Return each look-up with its arguments."""
    return (
        (views.show_code, OF_CAMPAIGN),
        (views.look_up_code, OF_BRAND | {"match": None}),
        (views.look_up_code, OF_BRAND | {"match": Match.TYPED}),
        (views.show_holder, OF_BRAND),
    )


def test_a_code_is_shown(call, views_of, metrics):
    for view, arguments in calls(views_of("CODE1"))[:3]:
        reply, _ = call(view, **arguments)
        assert ("CODE1", "reserved") == (reply.content["code"], reply.content["state"])
    reply, _ = call(views_of("CODE1").show_holder, **OF_BRAND)
    assert "u" == reply.content["user"]
    assert 0 == metrics.misses


@pytest.mark.parametrize("number", range(4))
def test_a_caller_with_many_misses_learns_nothing_more(call, views_of, metrics, number):
    """Not even the miss that exceeds the limit is answered, nor an existing code."""
    view, arguments = calls(views_of("CODE1"))[number]
    missing = arguments | {"code": "CODE2"}
    with pytest.raises(CodeNotFound):
        call(view, **missing)
    for refused in (missing, arguments):
        with pytest.raises(TooManyMisses):
            call(view, **refused)
    assert 2 == metrics.misses, "one for each call, however often the code was looked for"
    other = Caller("issuer", "other", frozenset(), None)
    assert 200 == call(view, caller=other, **arguments)[0].status


def test_a_code_of_another_form_is_a_fault_unless_it_was_typed(call, views_of, metrics):
    view = views_of("CODE1").look_up_code
    with pytest.raises(InvalidRequest):
        call(view, **OF_BRAND | {"code": "code 1", "match": None})
    assert 200 == call(view, **OF_BRAND | {"code": " code 1 ", "match": Match.TYPED})[0].status
    assert 0 == metrics.misses
