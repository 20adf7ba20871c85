"""Everything that can go wrong for a caller, in plain Python: one class an error.

An error carries facts. What a caller reads of it over HTTP, and under which status, is written in
`api/problems`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class InputError:
    """One fault in the input: where (an RFC 6901 JSON pointer) and what."""

    pointer: str
    detail: str


class AuthRefusal(StrEnum):
    """Why the guard let a caller go no further."""

    NO_TOKEN = "no_token"  # noqa: S105 - a reason
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    """Its times lie ahead of our clock: one of the two clocks is wrong."""
    UNKNOWN_KEY = "unknown_key"
    ELSEWHERE = "elsewhere"
    """A known key has signed it, but `iss` or `aud` are not those that are set."""
    INVALID = "invalid"
    SCOPE = "scope"
    BRAND = "brand"


class StorageRefusal(StrEnum):
    """Why a call that would make the database grow was refused."""

    DISK_RESERVE = "disk_reserve"
    """There is less free space than is kept for reservations."""
    DISK_FULL = "disk_full"
    """The database itself has said so."""
    BRAND_BUDGET = "brand_budget"
    """The brand's open imports have as many bytes as they may."""
    TOTAL_BUDGET = "total_budget"
    """All open imports have as many bytes as they may."""


class ServiceError(Exception):
    """A refusal or failure that a caller is told about.

    Args:
        detail: What is wrong with this very call, where there is more to say than its class does.
    """

    retry_after: int | None = None
    """Seconds to wait before the call is tried again."""
    refusal: AuthRefusal | None = None
    """Why the guard refused the call; `None` where it was not the guard."""
    storage: StorageRefusal | None = None
    """Why the database may not grow by the call; `None` where it is not about that."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or type(self).__name__)
        self.detail = detail


class InvalidRequest(ServiceError):
    """The input breaks a rule."""

    def __init__(self, errors: Sequence[InputError] = (), detail: str | None = None) -> None:
        """Take what is wrong, piece by piece."""
        super().__init__(detail)
        self.errors = tuple(errors)


class Unauthenticated(ServiceError):
    """No token, or none that can be believed."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        token_given: bool = False,
        reason: AuthRefusal = AuthRefusal.INVALID,
    ) -> None:
        """Note whether there was a token at all; RFC 6750, section 3.1 tells the two apart."""
        super().__init__(detail)
        self.token_given = token_given
        self.refusal = reason if token_given else AuthRefusal.NO_TOKEN


class Forbidden(ServiceError):
    """The token is good, but not for this."""

    refusal = AuthRefusal.SCOPE

    def __init__(self, scope: str) -> None:
        """Name the missing scope."""
        super().__init__()
        self.scope = scope


class BrandNotFound(ServiceError):
    """The brand does not exist, or the token does not name it."""

    def __init__(self, *, refusal: AuthRefusal | None = None) -> None:
        """Note whether the guard hid it; a caller is told the same either way."""
        super().__init__()
        self.refusal = refusal


class CampaignNotFound(ServiceError):
    """The brand has no such campaign."""


class CodeNotFound(ServiceError):
    """The campaign has no such code."""


class ReservationNotFound(ServiceError):
    """The user holds no code of the campaign."""


class JobNotFound(ServiceError):
    """The campaign has no such job."""


class NoCodesLeft(ServiceError):
    """The pool is empty."""


class Conflict(ServiceError):
    """The call contradicts an earlier one."""


class CodeSpaceExhausted(ServiceError):
    """There are hardly any new codes to be had."""


class TooLarge(ServiceError):
    """The body is too long."""


class RateLimited(ServiceError):
    """Too many calls."""

    def __init__(self, retry_after: int = 1) -> None:
        """Take how many seconds are left until the caller has calls again."""
        super().__init__()
        self.retry_after = retry_after


class TooManyMisses(ServiceError):
    """Too many codes that there are not."""

    def __init__(self, retry_after: int = 60) -> None:
        """Take how many seconds are left until look-ups are answered again."""
        super().__init__()
        self.retry_after = retry_after


class TooManyJobs(ServiceError):
    """The brand has as many open jobs as it may."""

    retry_after = 10


class ImportBudgetExceeded(ServiceError):
    """Open imports have as many bytes as they may."""

    retry_after = 30

    def __init__(
        self, storage: StorageRefusal = StorageRefusal.BRAND_BUDGET, budget: int = 4 * 1024**3
    ) -> None:
        """Say whose budget of so many bytes it is."""
        super().__init__()
        self.budget = budget
        self.storage = storage


class TooManyOwnTransfers(ServiceError):
    """The caller's own imports and exports take up what one caller may have."""

    retry_after = 5


class InsufficientStorage(ServiceError):
    """The database may not grow now."""

    retry_after = 30

    def __init__(self, storage: StorageRefusal = StorageRefusal.DISK_RESERVE) -> None:
        """Say how it was found out."""
        super().__init__()
        self.storage = storage


class Unavailable(ServiceError):
    """The service cannot answer now."""

    retry_after = 1


class TooManyTransfers(ServiceError):
    """Imports and exports take up what they may."""

    retry_after = 5


class InternalError(ServiceError):
    """A fault of ours."""
