"""The views of codes, called without an application."""

import pytest

from service.api.cursors import Cursors
from service.api.limits.misses import Misses
from service.api.views.codes import CodeViews
from service.domain.errors import CodeNotFound, TooManyMisses
from service.domain.model import Code, State
from tests.unit.api.views.conftest import BILLING

CODE = {"brand": "acme", "campaign": "default", "code": "CODE1"}


class Store:
    """A store of the given codes."""

    def __init__(self, *codes):
        self.codes = codes

    def code(self, _brand, _campaign, code):
        if code not in self.codes:
            raise CodeNotFound
        return Code(code, State.AVAILABLE, 0, None, None)


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
    return lambda *codes: CodeViews(Store(*codes), metrics, Cursors(b"key"), misses)  # type: ignore[arg-type]


def test_a_code_is_shown(call, views_of, metrics):
    reply, _ = call(views_of("CODE1").show_code, **CODE)
    assert ("CODE1", "available") == (reply.content["code"], reply.content["state"])
    assert (200, 0) == (reply.status, metrics.misses)


def test_a_caller_with_many_misses_learns_nothing_more(call, views_of, metrics):
    """Not even the miss that exceeds the limit is answered, nor an existing code."""
    view = views_of("CODE1").show_code
    missing = CODE | {"code": "CODE2"}
    with pytest.raises(CodeNotFound):
        call(view, **missing)
    for code in (missing, CODE):
        with pytest.raises(TooManyMisses):
            call(view, **code)
    assert 2 == metrics.misses
    other = BILLING.__class__("issuer", "other", frozenset(), None)
    assert 200 == call(view, caller=other, **CODE)[0].status
