"""Random calls against the service and a model of the life of codes, which must always agree.

`make test-models` looks for longer.
"""

import pytest
from hypothesis import given, settings

from tests.api.life.machine import CALLS, CAMPAIGNS, CHANGES, Lives
from tests.api.life.service import Service, jumping_clock
from tests.history import faults
from tests.support.engines import on_sqlite
from tests.support.examples import examples

EXAMPLES = 6
"""The number of examples where they are the same every time: each takes a fifth of a second."""


def test_the_service_and_the_model_agree(app, installed):
    @settings(max_examples=examples(EXAMPLES))
    @given(campaign=CAMPAIGNS, changes=CHANGES, calls=CALLS)
    def run(campaign, changes, calls):
        installed.clear()
        with jumping_clock() as clock:
            lives = Lives(Service(app), clock)
            lives.begin(campaign, changes)
            make(lives, calls)

    run()


def make(lives, calls):
    """Make calls, and compare all that is there in the end."""
    for call, arguments in calls:
        call(lives, **arguments)
    lives.check_everything()


ONE_HOUR = {"ttl_s": 3600, "over": False}
ANN = {"which": 0, "user": "ann", "own": True, "reference": "order-1"}
REDEEM, HOLD = (Lives.redeem, ANN | {"dry_run": False}), (Lives.hold, ANN | ONE_HOUR)
UNDO, OTHERS = ((Lives.undo, {"which": 0, "reference": f"order-{number}"}) for number in (1, 2))
ERASE = (Lives.erase, {"user": "ann", "forget": False})
LOOK, OF_ANN = (Lives.look, {"which": 0}), {"campaign": "summer", "user": "ann"}


@on_sqlite  # it is the model that is tried
@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        (faults.undoes_anothers, [REDEEM, OTHERS, LOOK]),
        (faults.forgets_undos, [REDEEM, UNDO, REDEEM]),
        (faults.blocks_own_reference, [HOLD, REDEEM]),
        (faults.releases_the_redeemed, [REDEEM, (Lives.release, OF_ANN)]),
        (faults.counts_twice, [REDEEM]),
        (faults.forgets_erasures, [ERASE, (Lives.claim, OF_ANN)]),
    ],
)
def test_a_service_that_breaks_a_promise_is_found_out(app, monkeypatch, fault, calls):
    """Without this, the model would prove nothing."""
    fault(app, monkeypatch)
    with jumping_clock() as clock:
        lives = Lives(Service(app), clock)
        lives.begin("summer", {})
        with pytest.raises(AssertionError):
            make(lives, calls)
