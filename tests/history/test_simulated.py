"""Simulated histories: a correct model is never faulted, and a faulty one is found out."""

from contextlib import nullcontext

import pytest

from tests.history import faulty_models as faulty
from tests.support.examples import examples
from tests.tools.history.checker import violations
from tests.tools.history.checkouts import RULES
from tests.tools.model.checkout import Model
from tests.tools.model.simulation import LAPSING, WORK, Simulation

DEFAULT, RECYCLING, _ = RULES
SECONDS = 20
SEEDS = 2
"""The number of histories of each campaign in a short run."""
TRIES = 30


def broken(model, seed, rules, work=WORK):
    """Return the rules that a simulated history of a model violates."""
    found = violations(Simulation(model, str(seed), rules, work).run(SECONDS))
    return {violation.rule for violation in found}


@pytest.mark.parametrize("rules", RULES)
def test_a_correct_model_breaks_nothing(rules):
    for seed in range(examples(SEEDS)):
        for work in (WORK, LAPSING):
            assert set() == broken(Model(0), seed, rules, work), seed


@pytest.mark.parametrize(
    ("rules", "model", "damage", "rule"),
    [
        (DEFAULT, faulty.UndoesAnothers, nullcontext, "a redemption lasts until its own undo"),
        (DEFAULT, faulty.ForgetsUndos, nullcontext, "a reference redeems once"),
        (RECYCLING, faulty.LapsesTheRedeemed, nullcontext, "shown codes are not behind"),
        (RECYCLING, faulty.RecyclesToTwo, nullcontext, "no code is held by two users"),
        (DEFAULT, faulty.BlocksOwnReference, nullcontext, "a hold refuses others alone"),
        (DEFAULT, faulty.IgnoresHolds, nullcontext, "a hold keeps others away"),
        (DEFAULT, faulty.ForgetsErasures, nullcontext, "an erased user claims no more"),
        (DEFAULT, faulty.NamesTheErased, nullcontext, "nothing names an erased user"),
        (DEFAULT, faulty.ReleasesTheRedeemed, nullcontext, "a redeemed code does not move"),
        (DEFAULT, faulty.AnswersOnceMore, nullcontext, "a reference redeems once"),
        (DEFAULT, faulty.TakesAnyUser, nullcontext, "a code is used by its holder alone"),
        (DEFAULT, faulty.Loses, nullcontext, "answered redemptions survive"),
        (DEFAULT, Model, faulty.counts_drift, "counts sum up to the codes"),
    ],
)
def test_a_faulty_model_is_found_out(rules, model, damage, rule):
    with damage():
        assert any(rule in broken(model(0), seed, rules) for seed in range(TRIES))


def test_lapses_that_come_late_are_found_out():
    with faulty.lapses_late():
        found = set().union(*(broken(Model(0), seed, RECYCLING, LAPSING) for seed in range(4)))
    assert "a lapse ends a reservation" in found
