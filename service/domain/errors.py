"""Everything that can go wrong for a caller: one class a problem.

A problem is an exception with a slug, and the slug is part of the contract: it names the
`type` of an RFC 9457 problem and the page `/problems/<slug>` that explains it. The texts
here are what a caller reads; they never hold what the service keeps secret.
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


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A refusal or failure that a caller is told about.

    Args:
        detail: What is wrong with this very call; the class says what is wrong in general.
    """

    slug: str
    status: int
    """HTTP status code (RFC 9110, section 15)."""
    title: str
    meaning: str
    """For the problem's page: when this happens."""
    remedy: str
    """For the problem's page: what the caller should do."""
    retry_after: int | None = None
    """Seconds to wait before the call is tried again."""
    refusal: AuthRefusal | None = None
    """Why the guard refused the call; `None` where it was not the guard."""
    storage: StorageRefusal | None = None
    """Why the database may not grow by the call; `None` where it is not about that."""

    def __init__(self, detail: str | None = None) -> None:
        """Take the detail, by default the class's meaning."""
        super().__init__(detail or self.meaning)
        self.detail = detail or self.meaning


class InvalidRequest(Problem):
    """The input breaks a rule."""

    slug = "invalid-request"
    status = 400
    title = "Invalid request"
    meaning = "The path, the query or the body breaks a rule. Nothing was changed."
    remedy = (
        "Read `errors`: each entry has the JSON pointer of the offending value and what is "
        "wrong with it. Correct the call; sending the same again gives the same answer."
    )

    def __init__(self, errors: Sequence[InputError] = (), detail: str | None = None) -> None:
        """Take what is wrong, piece by piece."""
        super().__init__(detail)
        self.errors = tuple(errors)


class Unauthenticated(Problem):
    """No token, or none that can be believed."""

    slug = "unauthenticated"
    status = 401
    title = "Authentication needed"
    meaning = "The call carries no bearer token, or one that is not valid. Nothing was changed."
    remedy = (
        "Send `Authorization: Bearer <JWT>` with a token that is signed with a current key, has "
        "not expired, and carries `sub`, `exp`, `iat`, and the right `iss` and `aud`."
    )

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


class Forbidden(Problem):
    """The token is good, but not for this."""

    slug = "forbidden"
    status = 403
    title = "Scope missing"
    meaning = "The token is valid, but lacks the scope that this call needs. Nothing was changed."
    remedy = (
        "Ask whoever issues your tokens for the scope that the `WWW-Authenticate` header names."
    )
    refusal = AuthRefusal.SCOPE

    def __init__(self, scope: str) -> None:
        """Name the missing scope."""
        super().__init__(f"This call needs the scope {scope}.")
        self.scope = scope


class NotFound(Problem):
    """No such path."""

    slug = "not-found"
    status = 404
    title = "No such resource"
    meaning = "Nothing is served under this path."
    remedy = "Compare the path with the document at `/apidocs/`. A `/` in a name is never allowed."


class MethodNotAllowed(Problem):
    """The path exists, the verb does not."""

    slug = "method-not-allowed"
    status = 405
    title = "Method not allowed"
    meaning = "The path exists, but not with this method. Nothing was changed."
    remedy = "Use one of the methods that the `Allow` header lists."


class BrandNotFound(Problem):
    """The brand does not exist, or the token does not name it."""

    slug = "brand-not-found"
    status = 404
    title = "Brand not found"
    meaning = "There is no such brand among those that your token names."
    remedy = (
        "Check the spelling (names are case-sensitive and never normalised) and the `brands` of "
        "your token. A brand comes into being with its first codes."
    )

    def __init__(self, *, refusal: AuthRefusal | None = None) -> None:
        """Note whether the guard hid it; a caller is told the same either way."""
        super().__init__()
        self.refusal = refusal


class CampaignNotFound(Problem):
    """The brand has no such campaign."""

    slug = "campaign-not-found"
    status = 404
    title = "Campaign not found"
    meaning = "The brand has no campaign of this name."
    remedy = (
        "List the brand's campaigns. Only `default` comes into being by itself, with the "
        "brand's first codes."
    )


class CodeNotFound(Problem):
    """The campaign has no such code."""

    slug = "code-not-found"
    status = 404
    title = "Code not found"
    meaning = "The campaign has no such code."
    remedy = "Check the spelling: codes are case-sensitive."


class ReservationNotFound(Problem):
    """The user holds no code of the campaign."""

    slug = "reservation-not-found"
    status = 404
    title = "Reservation not found"
    meaning = "The user holds no code of this campaign."
    remedy = "Reserve one with `PUT` on the same path."


class JobNotFound(Problem):
    """The campaign has no such job."""

    slug = "job-not-found"
    status = 404
    title = "Job not found"
    meaning = "The campaign has no job of this id."
    remedy = "Use the path from the `Location` header of the answer that made the job."


class NoCodesLeft(Problem):
    """The pool is empty."""

    slug = "no-codes-left"
    status = 404
    title = "No codes left"
    meaning = "The user holds no code yet, and every code of the campaign is taken."
    remedy = (
        "Create more codes with `POST /v1/discount/create`, then call again. Users who already "
        "hold a code still get theirs. The metric `discount_codes_available` shows beforehand "
        "when a pool runs low."
    )


class NotAcceptable(Problem):
    """No such answer as the caller wants."""

    slug = "not-acceptable"
    status = 406
    title = "Not acceptable"
    meaning = "The call has no answer of a kind that the Accept header allows."
    remedy = "Ask for `text/csv` or `application/x-ndjson`, or send no Accept header."


class RequestTimeout(Problem):
    """The request did not arrive in time."""

    slug = "request-timeout"
    status = 408
    title = "Request timeout"
    meaning = "The request did not arrive in time. Nothing was changed."
    remedy = "Send the whole request at once; the connection is closed."


class Conflict(Problem):
    """The call contradicts an earlier one."""

    slug = "conflict"
    status = 409
    title = "Conflict"
    meaning = "The call contradicts what is already there. Nothing was changed."
    remedy = (
        "An Idempotency-Key belongs to one request: use a new key for a new body, or send the "
        "first body again to get its answer again."
    )


class CodeSpaceExhausted(Problem):
    """There are hardly any new codes to be had."""

    slug = "code-space-exhausted"
    status = 409
    title = "No new codes to be had"
    meaning = (
        "Nearly every code of this form is taken in the brand, so that no new one could be found. "
        "Nothing was changed."
    )
    remedy = "Use codes of a longer form, or with more letters; sending the same again is no help."


class TooLarge(Problem):
    """The body is too long."""

    slug = "too-large"
    status = 413
    title = "Body too large"
    meaning = "The body is longer than this call takes. Nothing was changed."
    remedy = "Split the request."


class UriTooLong(Problem):
    """The request target is too long."""

    slug = "uri-too-long"
    status = 414
    title = "URI too long"
    meaning = "Path and query together are longer than a request line may be. Nothing was changed."
    remedy = (
        "A request line has at most 8190 bytes: room for the longest names, percent-encoded, and a "
        "cursor. Check what was put into the path or the query."
    )


class HeadersTooLarge(Problem):
    """The head of the request is too large."""

    slug = "headers-too-large"
    status = 431
    title = "Header fields too large"
    meaning = (
        "The header fields of the request, one of them or all together, are too large or too many. "
        "Nothing was changed."
    )
    remedy = (
        "A field has at most 8190 bytes, a request at most 64 fields, and its head at most 32 KiB. "
        "Look for a token with too many brands, or for cookies that are not ours."
    )


class ExpectationFailed(Problem):
    """The request expects what the service does not do."""

    slug = "expectation-failed"
    status = 417
    title = "Expectation failed"
    meaning = "The request has an Expect field other than `100-continue`. Nothing was changed."
    remedy = "Send no Expect field, or `Expect: 100-continue` (RFC 9110, section 10.1.1)."


class UnsupportedMediaType(Problem):
    """The body is of a kind that the call does not take."""

    slug = "unsupported-media-type"
    status = 415
    title = "Unsupported media type"
    meaning = "The Content-Type is missing, or not one that this call takes. Nothing was changed."
    remedy = "Send JSON with `Content-Type: application/json`."


class RateLimited(Problem):
    """Too many calls."""

    slug = "rate-limited"
    status = 429
    title = "Too many requests"
    meaning = "This caller has used up its calls for now. Nothing was changed."
    remedy = (
        "Wait as long as `Retry-After` says, then go on more slowly. `RateLimit-Policy` says how "
        "many calls (`q`) a caller has in a window of `w` seconds, `RateLimit` how many are left "
        "(`r`) for the next `t` seconds."
    )

    def __init__(self, retry_after: int = 1) -> None:
        """Take how many seconds are left until the caller has calls again."""
        super().__init__()
        self.retry_after = retry_after


class TooManyMisses(Problem):
    """Too many codes that there are not."""

    slug = "too-many-misses"
    status = 429
    title = "Too many unknown codes"
    meaning = (
        "This caller has asked for so many codes of the brand that there are not, as one who "
        "guesses would. Its look-ups of the brand's codes are refused for a while."
    )
    remedy = (
        "Wait as long as `Retry-After` says. Find out why codes are asked for that there are not: "
        "a list of another brand, or somebody at your service who guesses. In a report of an "
        "import, each row that the brand has already counts as well."
    )

    def __init__(self, retry_after: int = 60) -> None:
        """Take how many seconds are left until look-ups are answered again."""
        super().__init__()
        self.retry_after = retry_after


class TooManyJobs(Problem):
    """The brand has as many open jobs as it may."""

    slug = "too-many-jobs"
    status = 429
    title = "Too many open jobs"
    meaning = (
        "The brand has as many jobs that are queued or running as it may have. Nothing was changed."
    )
    remedy = "Wait for a job to end, or cancel one, and send the call again."
    retry_after = 10


class ImportBudgetExceeded(Problem):
    """Open imports have as many bytes as they may."""

    slug = "import-budget-exceeded"
    status = 429
    title = "Import budget exceeded"
    meaning = (
        "The open imports of the brand, or of all brands, have as many bytes as they may have. "
        "Nothing was changed."
    )
    remedy = (
        "Wait until imports have ended, or cancel one, and repeat the call with the same "
        "Idempotency-Key. A list that is longer than the whole budget has to be split."
    )
    retry_after = 30

    def __init__(
        self, storage: StorageRefusal = StorageRefusal.BRAND_BUDGET, budget: int = 4 * 1024**3
    ) -> None:
        """Say whose budget of so many bytes it is."""
        whose = "this brand" if storage is StorageRefusal.BRAND_BUDGET else "all brands together"
        super().__init__(
            f"The open imports of {whose} may have {budget} bytes, and this one would exceed that. "
            "Nothing was changed."
        )
        self.storage = storage


class TooManyOwnTransfers(Problem):
    """The caller's own imports and exports take up what one caller may have."""

    slug = "too-many-own-transfers"
    status = 429
    title = "Too many transfers of this caller"
    meaning = (
        "This caller has as many imports and exports under way as one caller may have: half of "
        "what one process takes at once. Nothing was changed."
    )
    remedy = (
        "Wait until one of your transfers has ended, then repeat the call, an import with the "
        "same Idempotency-Key."
    )
    retry_after = 5


class InsufficientStorage(Problem):
    """The database may not grow now."""

    slug = "insufficient-storage"
    status = 507
    title = "Insufficient storage"
    meaning = (
        "The database has so little space left that it is kept for reservations. Codes, jobs and "
        "imports are not taken in until there is more. Nothing was changed."
    )
    remedy = (
        "Wait as long as `Retry-After` says, then repeat the call with the same Idempotency-Key. "
        "Reservations go on meanwhile, and jobs can be cancelled. Whoever operates the service "
        "has to make room."
    )
    retry_after = 30

    def __init__(self, storage: StorageRefusal = StorageRefusal.DISK_RESERVE) -> None:
        """Say how it was found out."""
        super().__init__()
        self.storage = storage


class Unavailable(Problem):
    """The service cannot answer now."""

    slug = "unavailable"
    status = 503
    title = "Temporarily unavailable"
    meaning = (
        "The service cannot reach what it needs. The call is either wholly done or not at all."
    )
    remedy = (
        "Wait as long as `Retry-After` says, then repeat the call: a GET or PUT as it is, a POST "
        "with the same Idempotency-Key."
    )
    retry_after = 1


class TooManyTransfers(Problem):
    """Imports and exports take up what they may."""

    slug = "too-many-transfers"
    status = 503
    title = "Too many transfers"
    meaning = (
        "As many imports and exports are under way, of this brand or of all, as one process takes "
        "at once, so that other calls are not kept waiting. Nothing was changed."
    )
    remedy = (
        "Wait as long as `Retry-After` says, then repeat the call, an import with the same "
        "Idempotency-Key. One transfer of a long list takes less than many of short ones."
    )
    retry_after = 5


class InternalError(Problem):
    """A fault of ours."""

    slug = "internal-error"
    status = 500
    title = "Internal error"
    meaning = "The service failed in a way that it did not foresee."
    remedy = (
        "Repeat the call as you would after `unavailable`. If it happens again, report the "
        "`request_id`: the log has the rest."
    )


PROBLEMS: tuple[type[Problem], ...] = tuple(Problem.__subclasses__())
"""Every problem there is, in the order of this file."""
