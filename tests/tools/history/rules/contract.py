"""Guarantees of answers: only those of the contract, for each kind of call."""

from collections.abc import Mapping

from tests.tools.history.facts import Facts, Violation, Violations
from tests.tools.history.history import CREATES, Call, Kind

MAX_PER_CALL = 1000

SUCCESS: Mapping[Kind, set[int]] = {
    Kind.FETCH: {200},
    Kind.PUT: {200, 201},
    Kind.SHOW: {200},
    Kind.CREATE: {200},
    Kind.ADD: {201},
    Kind.CODE: {200},
    Kind.COUNTS: {200},
    Kind.LIST: {200},
    Kind.RULES: {200, 201},
    Kind.LOOK: {200},
    Kind.PATCH: {200},
    Kind.RELEASE: {204},
    Kind.HOLD: {200, 201},
    Kind.UNHOLD: {204},
    Kind.REDEEM: {200, 201},
    Kind.REDEMPTION: {200},
    Kind.UNDO: {204},
    Kind.WALLET: {200},
    Kind.ERASE: {204},
}
NO_CODE = {(404, "code-not-found")}
CLAIM = {(404, "no-codes-left"), (410, "user-erased")}
REDEEM = NO_CODE | {
    (409, "redemption-undone"),
    (409, "code-redeemed"),
    (409, "code-disabled"),
    (409, "code-held"),
    (409, "not-the-holder"),
    (409, "not-reserved"),
    (409, "code-expired"),
    (409, "already-holds"),
    (410, "user-erased"),
}
REFUSALS: Mapping[Kind, set[tuple[int, str]]] = {
    Kind.FETCH: CLAIM,
    Kind.PUT: CLAIM,
    Kind.SHOW: {(404, "reservation-not-found")},
    Kind.CODE: NO_CODE,
    Kind.LOOK: NO_CODE,
    Kind.PATCH: NO_CODE | {(409, "code-redeemed"), (409, "not-reserved"), (409, "conflict")},
    Kind.RELEASE: {
        (404, "reservation-not-found"),
        (409, "code-redeemed"),
        (409, "code-held"),
    },
    Kind.HOLD: REDEEM,
    Kind.UNHOLD: NO_CODE,
    Kind.REDEEM: REDEEM,
    Kind.REDEMPTION: NO_CODE | {(404, "redemption-not-found")},
    Kind.UNDO: NO_CODE,
}
MAY_COME_LATER = {503: "unavailable", 429: "rate-limited"}


def only_answers_of_the_contract(facts: Facts) -> Violations:
    """Each status is allowed for its call, none is 500, and `Retry-After` is always there."""
    for call in facts.history.calls:
        if call.failure:
            continue
        if call.status in MAY_COME_LATER:
            if call.slug != MAY_COME_LATER[call.status] or not call.retry_after:
                yield Violation("this must say how long to wait, and why", (call,))
        elif call.done:
            if call.status not in SUCCESS[call.kind] or _must_be_refused(call):
                yield Violation("this answer is not in the contract", (call,))
        elif not _may_be_refused(call):
            yield Violation("this refusal is not in the contract", (call,))


def _must_be_refused(call: Call) -> bool:
    return call.kind in CREATES and not 1 <= call.count <= MAX_PER_CALL


def _may_be_refused(call: Call) -> bool:
    refusal = call.status, call.slug
    if refusal in REFUSALS.get(call.kind, ()):
        return _has_its_members(call)
    return {
        (404, "brand-not-found"): call.kind not in {Kind.CREATE, Kind.RULES},
        (404, "campaign-not-found"): call.kind is not Kind.RULES,
        (400, "invalid-request"): _must_be_refused(call) or call.end is not None,
        (409, "conflict"): bool(call.key),
    }.get(refusal, False)


def _has_its_members(call: Call) -> bool:
    """Return whether a refusal at the checkout names the state, and how long a hold may last."""
    if call.kind not in {Kind.HOLD, Kind.REDEEM} or call.status == 404:
        return True
    return "state" in call.content and (call.slug != "code-held" or call.retry_after)


RULES = (only_answers_of_the_contract,)
