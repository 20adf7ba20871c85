"""Problems of codes at a checkout: why one is not redeemed, held or released."""

from service.api.problems.problem_type import ProblemType
from service.domain import code_refusals, errors

REFUSED_CODES = (
    ProblemType(
        errors.RedemptionNotFound,
        "redemption-not-found",
        404,
        "Redemption not found",
        "This reference has not redeemed the code.",
        "A call may still be on its way. `DELETE` on the same path makes sure that none arrives.",
    ),
    ProblemType(
        code_refusals.RedemptionUndone,
        "redemption-undone",
        409,
        "Redemption undone",
        (
            "The redemption by this reference was undone, perhaps before it arrived, and a "
            "reference redeems a code only once. Nothing was changed."
        ),
        "If the order is placed again, use a new reference.",
        "This order was cancelled. Place it again to use the code.",
    ),
    ProblemType(
        code_refusals.CodeRedeemed,
        "code-redeemed",
        409,
        "Code redeemed",
        "The code has been redeemed by another reference. Nothing was changed.",
        "If that order is cancelled, `DELETE` its redemption; then the code is what it was before.",
        "This code has been used.",
    ),
    ProblemType(
        code_refusals.CodeDisabled,
        "code-disabled",
        409,
        "Code disabled",
        (
            "The code is out of use: somebody disabled it, it was released for good, or its "
            "holder was erased. Nothing was changed."
        ),
        "Whoever manages the campaign can enable a code that was disabled by a call.",
        "This code is not valid.",
    ),
    ProblemType(
        code_refusals.CodeHeld,
        "code-held",
        409,
        "Code held",
        "The checkout of another order holds the code. Nothing was changed.",
        (
            "Wait for `Retry-After` seconds, end the hold of that order, or hold the code with "
            '`"take_over": true` if the same person has begun anew.'
        ),
        "This code is in use in another checkout. Finish that one, or try again later.",
    ),
    ProblemType(
        code_refusals.NotTheHolder,
        "not-the-holder",
        409,
        "Not the holder",
        "The code was given to another user. Nothing was changed.",
        "Compare the user of the order with the one for whom the code was reserved.",
        "This code belongs to another account. Sign in with the account that received it.",
    ),
    ProblemType(
        code_refusals.NotReserved,
        "not-reserved",
        409,
        "Not reserved",
        "The code has no holder who could use it. Nothing was changed.",
        (
            "Reserve a code for the user first. If people may use codes that nobody was given, the "
            "campaign's `redeem_by` is `anyone`."
        ),
        "This code is not valid.",
    ),
    ProblemType(
        code_refusals.AlreadyHolds,
        "already-holds",
        409,
        "Already holds a code",
        "The user holds another code of the campaign, and gets only one. Nothing was changed.",
        "Redeem the code that the user holds: `GET` of the user's reservation shows it.",
        "You have a code of this offer already. Use that one.",
    ),
    ProblemType(
        code_refusals.NotYetValid,
        "not-yet-valid",
        409,
        "Not yet valid",
        "The codes of this campaign cannot be used before its `starts_at`. Nothing was changed.",
        "Try again then. `GET` of the code shows when that is.",
        "This code is not valid yet.",
    ),
    ProblemType(
        code_refusals.CodeExpired,
        "code-expired",
        409,
        "Code expired",
        "The reservation or the campaign has ended. Nothing was changed.",
        "Whoever manages the campaign can move its end, or that of the reservation.",
        "This code has expired.",
    ),
)
