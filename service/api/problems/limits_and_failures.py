"""Problems of calls that may succeed later: the caller, the brand or the service is at a limit."""

from service.api.problems.problem_type import ProblemType
from service.domain import errors

LIMITS_AND_FAILURES = (
    ProblemType(
        errors.RateLimited,
        "rate-limited",
        429,
        "Too many requests",
        "This caller has used up its calls for now. Nothing was changed.",
        (
            "Wait as long as `Retry-After` says, then go on more slowly. `RateLimit-Policy` says "
            "how many calls (`q`) a caller has in a window of `w` seconds, `RateLimit` how many "
            "are left (`r`) for the next `t` seconds."
        ),
    ),
    ProblemType(
        errors.TooManyMisses,
        "too-many-misses",
        429,
        "Too many unknown codes",
        (
            "This caller has asked for so many codes of the brand that there are not, as one who "
            "guesses would. Its look-ups of the brand's codes are refused for a while."
        ),
        (
            "Wait as long as `Retry-After` says. Find out why codes are asked for that there are "
            "not: a list of another brand, or somebody at your service who guesses. In a report "
            "of an import, each row that the brand has already counts as well."
        ),
    ),
    ProblemType(
        errors.TooManyJobs,
        "too-many-jobs",
        429,
        "Too many open jobs",
        (
            "The brand has as many jobs that are queued or running as it may have. Nothing was "
            "changed."
        ),
        "Wait for a job to end, or cancel one, and send the call again.",
    ),
    ProblemType(
        errors.ImportBudgetExceeded,
        "import-budget-exceeded",
        429,
        "Import budget exceeded",
        (
            "The open imports of the brand, or of all brands, have as many bytes as they may "
            "have. Nothing was changed."
        ),
        (
            "Wait until imports have ended, or cancel one, and repeat the call with the same "
            "Idempotency-Key. A list that is longer than the whole budget has to be split."
        ),
    ),
    ProblemType(
        errors.TooManyOwnTransfers,
        "too-many-own-transfers",
        429,
        "Too many transfers of this caller",
        (
            "This caller has as many imports and exports under way as one caller may have: half "
            "of what one process takes at once. Nothing was changed."
        ),
        (
            "Wait until one of your transfers has ended, then repeat the call, an import with the "
            "same Idempotency-Key."
        ),
    ),
    ProblemType(
        errors.InsufficientStorage,
        "insufficient-storage",
        507,
        "Insufficient storage",
        (
            "The database has so little space left that it is kept for reservations. Codes, jobs "
            "and imports are not taken in until there is more. Nothing was changed."
        ),
        (
            "Wait as long as `Retry-After` says, then repeat the call with the same "
            "Idempotency-Key. Reservations go on meanwhile, and jobs can be cancelled. Whoever "
            "operates the service has to make room."
        ),
    ),
    ProblemType(
        errors.Unavailable,
        "unavailable",
        503,
        "Temporarily unavailable",
        "The service cannot reach what it needs. The call is either wholly done or not at all.",
        (
            "Wait as long as `Retry-After` says, then repeat the call: a GET or PUT as it is, a "
            "POST with the same Idempotency-Key."
        ),
    ),
    ProblemType(
        errors.TooManyTransfers,
        "too-many-transfers",
        503,
        "Too many transfers",
        (
            "As many imports and exports are under way, of this brand or of all, as one process "
            "takes at once, so that other calls are not kept waiting. Nothing was changed."
        ),
        (
            "Wait as long as `Retry-After` says, then repeat the call, an import with the same "
            "Idempotency-Key. One transfer of a long list takes less than many of short ones."
        ),
    ),
    ProblemType(
        errors.InternalError,
        "internal-error",
        500,
        "Internal error",
        "The service failed in a way that it did not foresee.",
        (
            "Repeat the call as you would after `unavailable`. If it happens again, report the "
            "`request_id`: the log has the rest."
        ),
    ),
)
