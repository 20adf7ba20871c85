"""Random calls against the service and a model of the life of codes, which must always agree.

`HYPOTHESIS_PROFILE=long` looks for longer.
"""

from hypothesis import given, settings

from tests.api.life.machine import CALLS, CAMPAIGNS, CHANGES, Lives
from tests.api.life.service import Service, jumping_clock
from tests.support.examples import examples

EXAMPLES = 60
"""The number of examples where they are the same every time: each takes a tenth of a second."""


def compare(app, installed, **options):
    """Make random calls, each time to empty tables."""

    @settings(max_examples=examples(EXAMPLES), **options)
    @given(campaign=CAMPAIGNS, changes=CHANGES, calls=CALLS)
    def run(campaign, changes, calls):
        installed.clear()
        with jumping_clock() as clock:
            lives = Lives(Service(app), clock)
            lives.begin(campaign, changes)
            for call, arguments in calls:
                getattr(lives, call.__name__)(**arguments)
            lives.check_everything()

    run()


def test_the_service_and_the_model_agree(app, installed):
    compare(app, installed)
