"""Errors of calls, without HTTP: one class per error.

An error has facts only. Its HTTP status and its texts for callers are in `api/problems`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class InputError:
    """An error in the input, with its JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


class AuthRefusal(StrEnum):
    """Why authentication or authorization failed."""

    NO_TOKEN = "no_token"  # noqa: S105 - a reason
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    """The token's times are in the future: one of the two clocks is wrong."""
    UNKNOWN_KEY = "unknown_key"
    ELSEWHERE = "elsewhere"
    """A known key has signed the token, but its `iss` or `aud` is another."""
    INVALID = "invalid"
    SCOPE = "scope"
    BRAND = "brand"


class StorageRefusal(StrEnum):
    """Why a call that makes the database grow was refused."""

    DISK_RESERVE = "disk_reserve"
    """The remaining space is reserved for reservations."""
    DISK_FULL = "disk_full"
    """The database reports a full disk."""
    BRAND_BUDGET = "brand_budget"
    """The brand's open imports have used up its budget."""
    TOTAL_BUDGET = "total_budget"
    """All open imports have used up the total budget."""


class Closed(StrEnum):
    """Why a campaign gives out no codes, in the order in which callers get to know it."""

    ARCHIVED = "archived"
    ENDED = "ended"
    EARLY = "early"
    PAUSED = "paused"


class ServiceError(Exception):
    """An error that a caller gets as a problem.

    Args:
        detail: What is wrong with this call, if the class does not say enough.
    """

    retry_after: int | None = None
    """Seconds to wait before a retry."""
    refusal: AuthRefusal | None = None
    """The reason of a failed authentication or authorization."""
    storage: StorageRefusal | None = None
    """The reason why the database may not grow, if that is the error."""
    members: Mapping[str, str] = MappingProxyType({})
    """More members of the problem, which programs can read."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or type(self).__name__)
        self.detail = detail


class InvalidRequest(ServiceError):
    """The input is not valid."""

    def __init__(self, errors: Sequence[InputError] = (), detail: str | None = None) -> None:
        """Create an error with the individual faults."""
        super().__init__(detail)
        self.errors = tuple(errors)


class Unauthenticated(ServiceError):
    """The token is missing or not valid."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        token_given: bool = False,
        reason: AuthRefusal = AuthRefusal.INVALID,
    ) -> None:
        """Distinguish a missing token from an invalid one (RFC 6750, section 3.1)."""
        super().__init__(detail)
        self.token_given = token_given
        self.refusal = reason if token_given else AuthRefusal.NO_TOKEN


class Forbidden(ServiceError):
    """The token lacks the scope."""

    refusal = AuthRefusal.SCOPE

    def __init__(self, *scopes: str) -> None:
        """Name the missing scope; of several, each would do."""
        super().__init__()
        self.scope = scopes[0]
        self.scopes = scopes


class BrandNotFound(ServiceError):
    """The brand does not exist, or the token does not name it."""

    def __init__(self, *, refusal: AuthRefusal | None = None) -> None:
        """Note whether the brand was hidden; the caller gets the same answer either way."""
        super().__init__()
        self.refusal = refusal


class CampaignNotFound(ServiceError):
    """The brand has no such campaign."""


class CodeNotFound(ServiceError):
    """The campaign has no such code."""


class ReservationNotFound(ServiceError):
    """The user holds no code of the campaign."""


class RedemptionNotFound(ServiceError):
    """The reference has neither redeemed the code nor been undone."""


class JobNotFound(ServiceError):
    """The campaign has no such job."""


class NoCodesLeft(ServiceError):
    """The pool has no available code."""


class UserErased(ServiceError):
    """The user was erased, and may not claim again where they held a code."""


class Conflict(ServiceError):
    """The call contradicts an earlier one."""


class CampaignNotOpen(ServiceError):
    """The campaign gives out no codes now, or takes none in."""

    def __init__(self, closed: Closed = Closed.ARCHIVED) -> None:
        """Say why."""
        super().__init__()
        self.members = {"reason": closed}


class TermsFixed(ServiceError):
    """Users have been promised other terms."""

    def __init__(self, members: Sequence[str] = ("discount",)) -> None:
        """Name the members of the rules that may not change like this any more."""
        super().__init__(f"Claims are open, so this may not change: {', '.join(members)}.")
        self.fixed = tuple(members)


class Guessable(ServiceError):
    """The codes of a campaign would be too easy to guess."""


class PreconditionFailed(ServiceError):
    """The resource is not what the caller expects."""


class CodeSpaceExhausted(ServiceError):
    """Nearly all possible codes are taken."""


class TooLarge(ServiceError):
    """The body is too long."""


class RateLimited(ServiceError):
    """The caller makes too many calls."""

    def __init__(self, retry_after: int = 1) -> None:
        """Create an error that names the seconds until the next window."""
        super().__init__()
        self.retry_after = retry_after


class TooManyMisses(ServiceError):
    """The caller has looked up too many unknown codes."""

    def __init__(self, retry_after: int = 60) -> None:
        """Create an error that names the seconds until lookups are possible again."""
        super().__init__()
        self.retry_after = retry_after


class TooManyJobs(ServiceError):
    """The brand has too many open jobs."""

    retry_after = 10


class ImportBudgetExceeded(ServiceError):
    """Open imports have used up a budget."""

    retry_after = 30

    def __init__(
        self, storage: StorageRefusal = StorageRefusal.BRAND_BUDGET, budget: int = 4 * 1024**3
    ) -> None:
        """Create an error with the kind of the budget and its size."""
        super().__init__()
        self.budget = budget
        self.storage = storage


class TooManyOwnTransfers(ServiceError):
    """The caller has too many imports and exports in progress."""

    retry_after = 5


class InsufficientStorage(ServiceError):
    """The database may not grow now."""

    retry_after = 30

    def __init__(self, storage: StorageRefusal = StorageRefusal.DISK_RESERVE) -> None:
        """Create an error with its reason."""
        super().__init__()
        self.storage = storage


class Unavailable(ServiceError):
    """The service cannot answer now."""

    retry_after = 1


class ErasureUnavailable(ServiceError):
    """There is no key with which to erase a user."""

    retry_after = 60


class TooManyTransfers(ServiceError):
    """There are too many imports and exports in progress."""

    retry_after = 5


class InternalError(ServiceError):
    """An internal error of the service."""
