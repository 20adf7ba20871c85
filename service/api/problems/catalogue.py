"""The catalogue of problem types."""

from service.api.problems.faulty_calls import FAULTY_CALLS
from service.api.problems.limits_and_failures import LIMITS_AND_FAILURES
from service.api.problems.problem_type import ProblemType
from service.api.problems.refused_codes import REFUSED_CODES
from service.domain.errors import Forbidden, ImportBudgetExceeded, ServiceError, StorageRefusal

PROBLEM_TYPES = (*FAULTY_CALLS, *REFUSED_CODES, *LIMITS_AND_FAILURES)
"""In the order of the OpenAPI document."""
_BY_ERROR = {each.error: each for each in PROBLEM_TYPES}


def problem_type(error: ServiceError | type[ServiceError]) -> ProblemType:
    """Return the problem type of an error."""
    return _BY_ERROR[error if isinstance(error, type) else type(error)]


def detail_of(error: ServiceError) -> str:
    """Return the detail of an error, or the meaning of its problem type."""
    if isinstance(error, Forbidden):
        return f"This call requires the scope {' or '.join(error.scopes)}."
    if isinstance(error, ImportBudgetExceeded):
        of_brand = error.storage is StorageRefusal.BRAND_BUDGET
        whose = "this brand" if of_brand else "all brands together"
        return (
            f"The open imports of {whose} may have {error.budget} bytes in total, and this import "
            "would exceed that. Nothing was changed."
        )
    return error.detail or problem_type(error).meaning
