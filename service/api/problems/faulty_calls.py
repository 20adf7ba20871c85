"""Problems of faulty calls, which a retry does not help."""

from service.api.problems import http_errors
from service.api.problems.problem_type import ProblemType
from service.domain import errors
from service.formats.list_form import MEDIA_TYPES

FAULTY_CALLS = (
    ProblemType(
        errors.InvalidRequest,
        "invalid-request",
        400,
        "Invalid request",
        "The path, the query or the body is not valid. Nothing was changed.",
        (
            "See `errors`: each entry has the JSON pointer of an invalid value, and what is wrong "
            "with it. Correct the call; repeating it unchanged gives the same answer."
        ),
    ),
    ProblemType(
        errors.Unauthenticated,
        "unauthenticated",
        401,
        "Authentication required",
        "The call has no bearer token, or an invalid one. Nothing was changed.",
        (
            "Send `Authorization: Bearer <JWT>` with a token that is signed with a current key, "
            "has not expired, and has `sub`, `exp`, `iat`, and the right `iss` and `aud`."
        ),
    ),
    ProblemType(
        errors.Forbidden,
        "forbidden",
        403,
        "Scope missing",
        "The token is valid, but lacks the scope that this call requires. Nothing was changed.",
        "Ask the issuer of your tokens for the scope that the `WWW-Authenticate` header names.",
    ),
    ProblemType(
        http_errors.NotFound,
        "not-found",
        404,
        "No such resource",
        "There is no resource at this path.",
        "Compare the path with the documentation at `/apidocs/`. Names never contain a `/`.",
    ),
    ProblemType(
        http_errors.MethodNotAllowed,
        "method-not-allowed",
        405,
        "Method not allowed",
        "The path exists, but not with this method. Nothing was changed.",
        "Use one of the methods that the `Allow` header lists.",
    ),
    ProblemType(
        errors.BrandNotFound,
        "brand-not-found",
        404,
        "Brand not found",
        "There is no such brand among those that your token grants.",
        (
            "Check the spelling (names are case-sensitive and never normalised) and the `brands` "
            "of your token. A brand is created together with its first codes."
        ),
    ),
    ProblemType(
        errors.CampaignNotFound,
        "campaign-not-found",
        404,
        "Campaign not found",
        "The brand has no campaign of this name.",
        (
            "List the brand's campaigns. Only `default` is created automatically, with the brand's "
            "first codes."
        ),
    ),
    ProblemType(
        errors.CodeNotFound,
        "code-not-found",
        404,
        "Code not found",
        "The brand, or its campaign, has no such code.",
        (
            "Check the spelling: codes are case-sensitive. `GET /v1/brands/{brand}/codes/{code}` "
            "with `?match=typed` finds a code as a person typed it."
        ),
        shopper="This code is not valid here. Please check what you typed.",
    ),
    ProblemType(
        errors.ReservationNotFound,
        "reservation-not-found",
        404,
        "Reservation not found",
        "The user has no code of this campaign, or nobody holds the code.",
        "Reserve one with `PUT` on the path of the user's reservation.",
    ),
    ProblemType(
        errors.JobNotFound,
        "job-not-found",
        404,
        "Job not found",
        "The campaign has no job with this id.",
        "Use the path in the `Location` header of the response that created the job.",
    ),
    ProblemType(
        errors.NoCodesLeft,
        "no-codes-left",
        404,
        "No codes left",
        "The user has no code yet, and every code of the campaign is taken.",
        (
            "Create more codes with `POST /v1/discount/create`, then repeat the call. Users who "
            "already have a code still get it. The metric `discount_codes_available` shows in "
            "advance when a pool runs low."
        ),
        shopper="All codes of this promotion have been given out.",
    ),
    ProblemType(
        errors.UserErased,
        "user-erased",
        410,
        "User erased",
        (
            "The user was erased at their request, and held a code of this campaign at that "
            "moment. Nothing was changed."
        ),
        "The user cannot get a code of this campaign again. Other campaigns are open to them.",
        shopper="You have already taken part in this promotion.",
    ),
    ProblemType(
        http_errors.NotAcceptable,
        "not-acceptable",
        406,
        "Not acceptable",
        "The response is not available in a format that the Accept header allows.",
        f"Accept {MEDIA_TYPES}, or send no Accept header.",
    ),
    ProblemType(
        http_errors.RequestTimeout,
        "request-timeout",
        408,
        "Request timeout",
        "The request did not arrive in time. Nothing was changed.",
        "Send the whole request without pauses, on a new connection: this one is closed.",
    ),
    ProblemType(
        errors.Conflict,
        "conflict",
        409,
        "Conflict",
        "The call conflicts with the current state. Nothing was changed.",
        (
            "An Idempotency-Key belongs to one request: use a new key for a new body, or repeat "
            "the first body to get its answer again."
        ),
    ),
    ProblemType(
        errors.CodeSpaceExhausted,
        "code-space-exhausted",
        409,
        "Code space exhausted",
        (
            "Nearly every code of this format is taken in the brand, so no new code could be "
            "found. Nothing was changed."
        ),
        "Use a longer format, or a larger alphabet. Repeating the call does not help.",
    ),
    ProblemType(
        errors.CampaignNotOpen,
        "campaign-not-open",
        409,
        "Campaign not open",
        (
            "The campaign is archived, has ended, has not begun or is paused, as `reason` says. "
            "Nothing was changed."
        ),
        (
            "Users who have a code keep it. `GET` of the campaign shows its rules, which whoever "
            "manages it can change."
        ),
        shopper="This promotion does not give out codes at the moment.",
    ),
    ProblemType(
        errors.TermsFixed,
        "terms-fixed",
        409,
        "Terms fixed",
        (
            "Codes of this campaign can be claimed already, and users were promised other terms. "
            "Nothing was changed."
        ),
        (
            "Begin another campaign with other terms. The end may always move to a later moment, "
            "and to an earlier one with `?shorten=true`."
        ),
    ),
    ProblemType(
        errors.Guessable,
        "guessable",
        400,
        "Guessable codes",
        "One guess in a million or fewer would hit a code. Nothing was changed.",
        (
            "Give the format more random places or a larger alphabet; or set `accept_guessable`, "
            "if a guessed code costs you little."
        ),
    ),
    ProblemType(
        errors.PreconditionFailed,
        "precondition-failed",
        412,
        "Precondition failed",
        "The resource is not what `If-Match` or `If-None-Match` expects. Nothing was changed.",
        "Read the resource again, and decide anew with its current `ETag`.",
    ),
    ProblemType(
        errors.TooLarge,
        "too-large",
        413,
        "Body too large",
        "The body is larger than this call allows. Nothing was changed.",
        "Split the request.",
    ),
    ProblemType(
        http_errors.UriTooLong,
        "uri-too-long",
        414,
        "URI too long",
        "The path and query exceed the maximum length of a request line. Nothing was changed.",
        (
            "A request line has at most 8190 bytes: enough for the longest names, percent-encoded, "
            "and a cursor. Check the values in the path and the query."
        ),
    ),
    ProblemType(
        http_errors.HeadersTooLarge,
        "headers-too-large",
        431,
        "Header fields too large",
        (
            "A header field of the request is too large, or all of them together are too large or "
            "too many. Nothing was changed."
        ),
        (
            "A field has at most 8190 bytes, a request at most 64 fields, and its head at most 32 "
            "KiB. Look for a token with too many brands, or for cookies of other services."
        ),
    ),
    ProblemType(
        http_errors.ExpectationFailed,
        "expectation-failed",
        417,
        "Expectation failed",
        "The request has an Expect field other than `100-continue`. Nothing was changed.",
        "Send no Expect field, or `Expect: 100-continue` (RFC 9110, section 10.1.1).",
    ),
    ProblemType(
        http_errors.UnsupportedMediaType,
        "unsupported-media-type",
        415,
        "Unsupported media type",
        "The Content-Type is missing, or this call does not support it. Nothing was changed.",
        "Send JSON with `Content-Type: application/json`.",
    ),
)
