"""The types of problems."""

import pytest

from service.api.problems.catalogue import PROBLEM_TYPES
from service.api.problems.refused_codes import REFUSED_CODES


def test_each_is_named_once():
    assert len(PROBLEM_TYPES) == len({each.slug for each in PROBLEM_TYPES})
    assert len(PROBLEM_TYPES) == len({each.error for each in PROBLEM_TYPES})


@pytest.mark.parametrize("each", REFUSED_CODES, ids=lambda each: each.slug)
def test_a_refusal_at_a_checkout_says_what_a_shopper_may_be_told(each):
    """Neither that others exist who hold or used it, nor how the shop works."""
    if each.slug == "redemption-not-found":
        assert not each.shopper, "only the shop asks"
    else:
        assert each.shopper.endswith(".")
        assert "`" not in each.shopper
