"""Problems of limits and failures, where a later retry may succeed."""

from service.api.problems.problem_type import ProblemType
from service.domain import errors

LIMITS_AND_FAILURES = (
    ProblemType(
        errors.RateLimited,
        "rate-limited",
        429,
        "Too many requests",
        "This caller has exceeded its rate limit. Nothing was changed.",
        (
            "Wait for `Retry-After` seconds, then continue at a lower rate. `RateLimit-Policy` "
            "gives the number of calls (`q`) in a window of `w` seconds; `RateLimit` gives the "
            "number of remaining calls (`r`) for the next `t` seconds."
        ),
        shopper="Many people are shopping at the moment. Please try again in a few seconds.",
    ),
    ProblemType(
        errors.TooManyMisses,
        "too-many-misses",
        429,
        "Too many unknown codes",
        (
            "This caller has looked up so many unknown codes of the brand that it seems to be "
            "guessing. Its look-ups of the brand's codes are rejected for a while."
        ),
        (
            "Wait for `Retry-After` seconds. Find out why unknown codes are looked up: the list "
            "may belong to another brand, or a user of your service may be guessing. In the report "
            "of an import, each row with a code that the brand has already counts as well."
        ),
        shopper="Too many codes were tried. Please wait a minute, then try again.",
    ),
    ProblemType(
        errors.TooManyJobs,
        "too-many-jobs",
        429,
        "Too many open jobs",
        ("The brand has the maximum number of queued and running jobs. Nothing was changed."),
        "Wait for a job to end, or cancel one, then repeat the call.",
    ),
    ProblemType(
        errors.ImportBudgetExceeded,
        "import-budget-exceeded",
        429,
        "Import budget exceeded",
        (
            "The open imports of the brand, or of all brands, have reached their maximum total "
            "size. Nothing was changed."
        ),
        (
            "Wait for imports to end, or cancel one, then repeat the call with the same "
            "Idempotency-Key. Split a list that is larger than the whole budget."
        ),
    ),
    ProblemType(
        errors.TooManyOwnTransfers,
        "too-many-own-transfers",
        429,
        "Too many transfers by this caller",
        (
            "This caller has the maximum number of concurrent imports and exports for one caller: "
            "half of those that a process accepts. Nothing was changed."
        ),
        (
            "Wait for one of your transfers to end, then repeat the call (an import with the same "
            "Idempotency-Key)."
        ),
    ),
    ProblemType(
        errors.InsufficientStorage,
        "insufficient-storage",
        507,
        "Insufficient storage",
        (
            "The remaining space of the database is reserved for reservations. New codes, jobs and "
            "imports are rejected until there is more space. Nothing was changed."
        ),
        (
            "Wait for `Retry-After` seconds, then repeat the call with the same Idempotency-Key. "
            "Reservations continue meanwhile, and jobs can be cancelled. The operator of the "
            "service has to free space."
        ),
    ),
    ProblemType(
        errors.Unavailable,
        "unavailable",
        503,
        "Temporarily unavailable",
        "The service cannot reach a dependency. The call was executed completely or not at all.",
        (
            "Wait for `Retry-After` seconds, then repeat the call: a GET or PUT unchanged, a POST "
            "with the same Idempotency-Key."
        ),
        shopper="Please try again in a moment; nothing was lost.",
    ),
    ProblemType(
        errors.ErasureUnavailable,
        "erasure-unavailable",
        503,
        "Erasure unavailable",
        "Nobody can be erased, as DISCOUNT_ERASURE_KEY is not set. Nothing was changed.",
        (
            "The operator of the service has to set `DISCOUNT_ERASURE_KEY`, or its file. Repeat "
            "the call then: it is safe to repeat."
        ),
    ),
    ProblemType(
        errors.TooManyTransfers,
        "too-many-transfers",
        503,
        "Too many transfers",
        (
            "This brand, or all brands together, have the maximum number of concurrent imports and "
            "exports for a process; other calls must not wait for them. Nothing was changed."
        ),
        (
            "Wait for `Retry-After` seconds, then repeat the call (an import with the same "
            "Idempotency-Key). One long list needs fewer transfers than many short ones."
        ),
    ),
    ProblemType(
        errors.InternalError,
        "internal-error",
        500,
        "Internal error",
        "An unexpected error occurred in the service.",
        (
            "Repeat the call as after `unavailable`. If the error recurs, report the `request_id`: "
            "the service's log has the details."
        ),
    ),
)
