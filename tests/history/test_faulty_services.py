"""The checker finds out a service that breaks one promise, from the answers to many clients."""

import pytest

from tests.history import faults
from tests.support.engines import on_sqlite
from tests.tools.history import checkouts, workload
from tests.tools.history.checker import violations
from tests.tools.history.in_process import drill_in_process

CALLS = 300
TRIES = 8
USERS = 6
"""Few, so that clients meet at the same codes."""
WORK = (
    (workload.Client.create, 3),
    (workload.Client.reserve, 30),
    (workload.Client.look, 6),
    (checkouts.buy, 30),
    (checkouts.release, 8),
    (checkouts.change, 12),
    (checkouts.erase, 3),
    (checkouts.inspect, 4),
)
OF_RACES = {
    "a code is redeemed once at a time",
    "a hold keeps others away",
    "a redemption lasts until its own undo",
    "shown codes are not behind",
    "stored states are those of the answers",
}
"""What the lost update of a code may break."""


@on_sqlite
@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        (faults.moves_what_others_moved, OF_RACES),
        (faults.undoes_anothers, {"shown codes are not behind"}),
        (faults.forgets_undos, {"a reference redeems once"}),
        (faults.blocks_own_reference, {"a hold refuses others alone"}),
        (faults.releases_the_redeemed, {"a redeemed code does not move"}),
        (faults.gives_to_two, {"no code is held by two users"}),
        (faults.counts_twice, {"counts sum up to the codes"}),
        (faults.lapses_the_redeemed, {"shown codes are not behind"}),
        (faults.forgets_erasures, {"an erased user claims no more"}),
        (faults.names_the_erased, {"nothing names an erased user"}),
    ],
)
def test_a_fault_is_found_out(app, installed, monkeypatch, fault, rules):
    monkeypatch.setattr(workload, "USERS", USERS)
    monkeypatch.setattr(workload, "WORK", WORK)
    fault(app, monkeypatch)

    def found(seed):
        installed.clear()
        history = drill_in_process(app, CALLS, str(seed))
        return {violation.rule for violation in violations(history)}

    assert any(rules & found(seed) for seed in range(TRIES))
