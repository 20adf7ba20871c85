"""The types of problems."""

import pytest

from service.api.problems.catalogue import PROBLEM_TYPES
from service.api.problems.problem_type import ProblemType
from service.api.problems.refused_codes import REFUSED_CODES


def test_each_is_named_once():
    assert len(PROBLEM_TYPES) == len({each.slug for each in PROBLEM_TYPES})
    assert len(PROBLEM_TYPES) == len({each.error for each in PROBLEM_TYPES})


@pytest.mark.parametrize("each", PROBLEM_TYPES, ids=lambda each: each.slug)
def test_a_problem_says_what_a_shopper_may_be_told(each):
    """Neither that others exist who hold or used a code, nor how the shop works."""
    assert each.shopper.endswith(".")
    assert "`" not in each.shopper


@pytest.mark.parametrize("each", REFUSED_CODES, ids=lambda each: each.slug)
def test_a_refusal_at_a_checkout_has_a_text_of_its_own(each):
    """Unless only the shop itself asks."""
    default = ProblemType._field_defaults["shopper"]
    assert (each.slug == "redemption-not-found") == (each.shopper == default)
