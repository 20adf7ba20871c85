"""The texts of the document that belong to no single operation."""

from collections.abc import Mapping

from service.api.idempotency import REPLAYED

DESCRIPTION = """\
Brands own pools of secret discount codes. A user gets one code of a pool and always the same one,
and no code is given to two users.

- Every call needs `Authorization: Bearer <JWT>`; `discount token` creates a token for development.
- Every response has `X-Request-ID`: the caller's own, if it sent a valid one.
- Every error is a problem document (RFC 9457) whose `type` is a page that explains what to do.
- Every response to an authenticated caller has `RateLimit` and `RateLimit-Policy`, unless rate
  limits are off.

## The life of a code

The state of a code is the first of these that applies now: `redeemed`, `disabled`, `expired` (the
end of its reservation or campaign is past, and no checkout holds it), `reserved`, `available`. So
an undo, or enabling a code, brings back what is below.

"""
TAGS = {
    "discount": "The two basic calls: create codes, and give a user a code.",
    "brands": "Brands.",
    "campaigns": "Campaigns of a brand: pools of codes with rules.",
    "codes": "Codes of a campaign.",
    "jobs": "Work in the background.",
    "imports": "Import your own lists of codes.",
    "exports": "Download all codes of a campaign.",
    "reservations": "One code of a campaign for each user.",
    "checkout": "Hold and redeem codes of orders, and undo that.",
    "users": "Users: their codes in all campaigns of a brand, and their erasure.",
    "probes": "Health checks for the orchestrator; no token needed.",
}
REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS: Mapping[str, tuple[str, str]] = {
    "X-Request-ID": ("The id of this request, which the log has too.", REQUEST_ID),
    "Link": ("The next page, if there is one (RFC 8288).", '</v1/brands?cursor=a>; rel="next"'),
    "ETag": ("The version of the rules, for `If-Match`.", '"5d41402abc4b2a76b9719d911017c592"'),
    "Location": (
        "The URL of the job.",
        "/v1/brands/brand1/campaigns/default/jobs/019a2f3be4d4c0ffee0123456789abcd",
    ),
    REPLAYED: ("Whether this is the answer to an earlier request with the same key.", "true"),
    "RateLimit": (
        "The caller's remaining calls, and the seconds for which they have to last.",
        '"caller";r=49999;t=10',
    ),
    "RateLimit-Policy": (
        "The caller's number of calls, and the window in seconds.",
        '"caller";q=50000;w=10',
    ),
    "Retry-After": ("Seconds to wait before the next attempt.", "1"),
    "WWW-Authenticate": ("What is missing (RFC 6750).", "Bearer"),
}
