"""The views of a checkout, called without an application: what is counted and logged."""

from collections import Counter
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from service.api.limits.misses import Misses
from service.api.views.checkout import CheckoutViews
from service.api.views.releases import ReleaseViews
from service.domain.code_refusals import CodeHeld, CodeRedeemed
from service.domain.erasure import no_tombstones
from service.domain.errors import CodeNotFound, TooManyMisses
from service.domain.states import StoredCode
from service.observability.metrics.move_counters import MoveCounters
from tests.unit.usecases.code_moves import MemoryMoves

LIMIT = 2
WHERE = {"brand": "b", "code": "CODE"}
ORDER = {"reference": "order", "user": "u"}
HOLD = {**WHERE, **ORDER, "ttl_s": 60, "take_over": False}
REDEEM = {**WHERE, **ORDER, "dry_run": False}
UNDO = {**WHERE, "reference": "order"}


class Metrics:
    """Counts misses, and moves."""

    def __init__(self):
        self.registry = CollectorRegistry()
        self.moves = MoveCounters(self.registry)
        self.missed = 0

    def code_misses(self, count):
        self.missed += count

    def counted(self):
        """Return the series that are not 0."""
        return {
            f"{sample.name.removeprefix('discount_')}:{sample.labels['outcome']}": sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name.endswith("_total") and sample.value
        }


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def moves():
    return MemoryMoves(codes={"CODE": StoredCode("u", 1)})


@pytest.fixture
def views(moves, metrics):
    return CheckoutViews(moves, metrics, Misses(LIMIT, metrics), no_tombstones)


def test_redemptions_are_counted(call, views, metrics):
    assert ["new", "repeated"] == [call(views.redeem_code, **REDEEM)[1] for _ in range(2)]
    with pytest.raises(CodeRedeemed):
        call(views.redeem_code, **{**REDEEM, "reference": "another"})
    outcomes = [call(views.undo_redemption, **UNDO)[1] for _ in range(2)]
    early = call(views.undo_redemption, **{**UNDO, "reference": "early"})[1]
    assert ["undone", "repeated", "early"] == [*outcomes, early]
    assert metrics.counted() == {
        "redemptions_total:new": 1,
        "redemptions_total:repeated": 1,
        "redemptions_total:refused": 1,
        "undos_total:undone": 1,
        "undos_total:repeated": 1,
        "undos_total:early": 1,
    }


def test_a_dry_run_is_not_counted(call, views, metrics):
    dry = {**REDEEM, "dry_run": True}
    reply, outcome = call(views.redeem_code, **dry)
    assert (200, None) == (reply.status, outcome)
    with pytest.raises(CodeNotFound):
        call(views.redeem_code, **{**dry, "code": "NONE"})
    assert ({}, 1) == (metrics.counted(), metrics.missed)


def test_holds_are_counted(call, views, metrics):
    assert [(201, "new"), (200, "extended")] == [
        (reply.status, outcome)
        for reply, outcome in (call(views.hold_code, **HOLD) for _ in range(2))
    ]
    with pytest.raises(CodeHeld):
        call(views.hold_code, **{**HOLD, "reference": "another"})
    taken = {**HOLD, "reference": "another", "take_over": True}
    assert "taken_over" == call(views.hold_code, **taken)[1]
    assert None is call(views.end_hold, **UNDO)[1], "another reference holds it"
    assert "ended" == call(views.end_hold, **{**UNDO, "reference": "another"})[1]
    assert Counter(metrics.counted()) == Counter(
        f"holds_total:{outcome}"
        for outcome in ("new", "extended", "refused", "taken_over", "ended")
    )


def test_releases_are_counted(call, moves, metrics):
    release = ReleaseViews(moves, metrics).release_reservation
    where = {"brand": "b", "campaign": "c", "user": "u", "if_match": None}
    assert "retired" == call(release, **where)[1]
    assert {"releases_total:retired": 1} == metrics.counted()


def test_who_guesses_codes_is_refused_where_a_code_is_unknown_alone(call, views, metrics):
    calls: list[tuple[Any, dict[str, Any]]] = [
        (views.redeem_code, REDEEM),
        (views.hold_code, HOLD),
        (views.show_redemption, UNDO),
        (views.undo_redemption, UNDO),
        (views.end_hold, UNDO),
    ]
    for number, (view, arguments) in enumerate(calls, start=1):
        with pytest.raises(CodeNotFound if number <= LIMIT else TooManyMisses):
            call(view, **{**arguments, "code": "NONE"})
        assert number == metrics.missed
    assert 201 == call(views.hold_code, **HOLD)[0].status
    assert 201 == call(views.redeem_code, **REDEEM)[0].status
    assert 200 == call(views.show_redemption, **UNDO)[0].status
    assert 204 == call(views.undo_redemption, **UNDO)[0].status
