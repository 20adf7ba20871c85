"""Problems of calls that get the same answer whenever they are sent again: something is wrong."""

from service.api import http_errors
from service.api.problems.problem_type import ProblemType
from service.domain import errors
from service.formats.list_form import MEDIA_TYPES

FAULTY_CALLS = (
    ProblemType(
        errors.InvalidRequest,
        "invalid-request",
        400,
        "Invalid request",
        "The path, the query or the body breaks a rule. Nothing was changed.",
        (
            "Read `errors`: each entry has the JSON pointer of the offending value and what is "
            "wrong with it. Correct the call; sending the same again gives the same answer."
        ),
    ),
    ProblemType(
        errors.Unauthenticated,
        "unauthenticated",
        401,
        "Authentication needed",
        "The call carries no bearer token, or one that is not valid. Nothing was changed.",
        (
            "Send `Authorization: Bearer <JWT>` with a token that is signed with a current key, "
            "has not expired, and carries `sub`, `exp`, `iat`, and the right `iss` and `aud`."
        ),
    ),
    ProblemType(
        errors.Forbidden,
        "forbidden",
        403,
        "Scope missing",
        "The token is valid, but lacks the scope that this call needs. Nothing was changed.",
        "Ask whoever issues your tokens for the scope that the `WWW-Authenticate` header names.",
    ),
    ProblemType(
        http_errors.NotFound,
        "not-found",
        404,
        "No such resource",
        "Nothing is served under this path.",
        "Compare the path with the document at `/apidocs/`. A `/` in a name is never allowed.",
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
        "There is no such brand among those that your token names.",
        (
            "Check the spelling (names are case-sensitive and never normalised) and the `brands` "
            "of your token. A brand comes into being with its first codes."
        ),
    ),
    ProblemType(
        errors.CampaignNotFound,
        "campaign-not-found",
        404,
        "Campaign not found",
        "The brand has no campaign of this name.",
        (
            "List the brand's campaigns. Only `default` comes into being by itself, with the "
            "brand's first codes."
        ),
    ),
    ProblemType(
        errors.CodeNotFound,
        "code-not-found",
        404,
        "Code not found",
        "The campaign has no such code.",
        "Check the spelling: codes are case-sensitive.",
    ),
    ProblemType(
        errors.ReservationNotFound,
        "reservation-not-found",
        404,
        "Reservation not found",
        "The user holds no code of this campaign.",
        "Reserve one with `PUT` on the same path.",
    ),
    ProblemType(
        errors.JobNotFound,
        "job-not-found",
        404,
        "Job not found",
        "The campaign has no job of this id.",
        "Use the path from the `Location` header of the answer that made the job.",
    ),
    ProblemType(
        errors.NoCodesLeft,
        "no-codes-left",
        404,
        "No codes left",
        "The user holds no code yet, and every code of the campaign is taken.",
        (
            "Create more codes with `POST /v1/discount/create`, then call again. Users who "
            "already hold a code still get theirs. The metric `discount_codes_available` shows "
            "beforehand when a pool runs low."
        ),
    ),
    ProblemType(
        http_errors.NotAcceptable,
        "not-acceptable",
        406,
        "Not acceptable",
        "The call has no answer of a kind that the Accept header allows.",
        f"Ask for {MEDIA_TYPES}, or send no Accept header.",
    ),
    ProblemType(
        http_errors.RequestTimeout,
        "request-timeout",
        408,
        "Request timeout",
        "The request did not arrive in time. Nothing was changed.",
        "Send the whole request at once; the connection is closed.",
    ),
    ProblemType(
        errors.Conflict,
        "conflict",
        409,
        "Conflict",
        "The call contradicts what is already there. Nothing was changed.",
        (
            "An Idempotency-Key belongs to one request: use a new key for a new body, or send the "
            "first body again to get its answer again."
        ),
    ),
    ProblemType(
        errors.CodeSpaceExhausted,
        "code-space-exhausted",
        409,
        "No new codes to be had",
        (
            "Nearly every code of this form is taken in the brand, so that no new one could be "
            "found. Nothing was changed."
        ),
        "Use codes of a longer form, or with more letters; sending the same again is no help.",
    ),
    ProblemType(
        errors.TooLarge,
        "too-large",
        413,
        "Body too large",
        "The body is longer than this call takes. Nothing was changed.",
        "Split the request.",
    ),
    ProblemType(
        http_errors.UriTooLong,
        "uri-too-long",
        414,
        "URI too long",
        "Path and query together are longer than a request line may be. Nothing was changed.",
        (
            "A request line has at most 8190 bytes: room for the longest names, percent-encoded, "
            "and a cursor. Check what was put into the path or the query."
        ),
    ),
    ProblemType(
        http_errors.HeadersTooLarge,
        "headers-too-large",
        431,
        "Header fields too large",
        (
            "The header fields of the request, one of them or all together, are too large or too "
            "many. Nothing was changed."
        ),
        (
            "A field has at most 8190 bytes, a request at most 64 fields, and its head at most 32 "
            "KiB. Look for a token with too many brands, or for cookies that are not ours."
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
        "The Content-Type is missing, or not one that this call takes. Nothing was changed.",
        "Send JSON with `Content-Type: application/json`.",
    ),
)
