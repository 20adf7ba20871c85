"""A model with three codes, and its calls in few words."""

import pytest

from tests.tools.model.checkout import Model
from tests.tools.model.stored import Refused

BRAND, POOL = "brand1", "default"
CODES = ["AAAA", "BBBB", "CCCC"]
START = 1_700_000_000_000
MINUTE = 60_000


def three_codes():
    """Return a model with three codes, of which ann holds the first."""
    made = Model(START)
    made.add(made.may_create(BRAND, POOL), CODES)
    made.claim(BRAND, POOL, "ann", "AAAA")
    return made


def rules(model, **changes):
    model.put_rules(BRAND, POOL, changes, shorten=True)


def refusal(call, *arguments, **options):
    """Return the status and problem of a call that is refused."""
    with pytest.raises(Refused) as caught:
        call(*arguments, **options)
    return caught.value.status, caught.value.slug, *caught.value.members.values()


def state(model, code="AAAA"):
    return model.code(BRAND, code).state(model.now)


def hold(model, reference="r1", user="ann", code="AAAA", ttl_s=900, *, take_over=False):
    return model.hold(BRAND, code, user, reference, ttl_s, take_over=take_over)[0]


def redeem(model, reference="r1", user="ann", code="AAAA"):
    return model.redeem(BRAND, code, user, reference)[0]


def undo(model, reference="r1", code="AAAA"):
    return model.undo(BRAND, code, reference)


def set_end(model, end, code="AAAA"):
    return model.patch(BRAND, POOL, code, expires_at=end)
