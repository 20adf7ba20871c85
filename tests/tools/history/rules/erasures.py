"""Rule 10: an erased person claims no more, and nothing names them."""

from collections.abc import Iterator

from tests.tools.history.facts import Facts, Violation, Violations
from tests.tools.history.history import RESERVES, Call, Kind, RedemptionRow


def an_erased_user_claims_no_more(facts: Facts) -> Violations:
    """Where a user held a code when they were erased, every later claim is a 410."""
    erased = facts.lives.erased
    for call in facts.of(*RESERVES):
        erasure = erased.get(call.holder)
        refused = call.slug in {"user-erased", "unavailable", "rate-limited"}
        if erasure and erasure.ended < call.began and call.status and not refused:
            yield Violation(f"{call.holder} was erased, and is served", (erasure, call))


def only_who_was_erased_is_told_so(facts: Facts) -> Violations:
    """A 410 needs an erasure."""
    for call in facts.of(*RESERVES, Kind.REDEEM, Kind.HOLD):
        if call.slug == "user-erased":
            erasures = facts.tenures.erasures.get((call.brand, call.user), ())
            if not any(erasure.began < call.ended for erasure in erasures):
                yield Violation("nobody erased this user", (call,))


def nothing_names_an_erased_user(facts: Facts) -> Violations:
    """No later answer and no row has the name."""
    for holder, erasure in facts.lives.erased.items():
        for call in _naming(facts, holder):
            if call.began > erasure.ended:
                yield Violation(f"{holder} was erased, and is named", (erasure, call))
    for row in facts.history.rows:
        if found := facts.lives.erased.get(row.holder):
            yield Violation(f"{row} names somebody who was erased", (found,))
    for redemption in facts.history.redemptions:
        if found := _erased_after(facts, redemption):
            yield Violation(f"{redemption} names somebody who was erased", (found,))


def _erased_after(facts: Facts, row: RedemptionRow) -> Call | None:
    """Return the erasure of the user of a redemption that certainly came first."""
    erased = facts.lives.erased_in(row.brand, row.user or "")
    redeems = facts.lives.redeems.get((row.brand, row.code), ())
    later = any(
        erased and call.latest > erased.began and call.reference == row.reference
        for call in redeems
    )
    return None if later else erased


def _naming(facts: Facts, holder: tuple[str, str, str]) -> Iterator[Call]:
    """Return the answers that name a user as the holder of a code of a campaign."""
    brand, campaign, user = holder
    for call in facts.of_brand(brand, Kind.SHOW):
        if call.holder == holder and call.done:
            yield call
    for call in facts.of_brand(brand, Kind.WALLET):
        items = call.content["items"] if call.user == user and call.done else ()
        if any(item["campaign"] == campaign for item in items):
            yield call
    for call in facts.of_brand(brand, Kind.REDEMPTION):
        if call.done:
            content = call.content
            if (content.get("campaign"), content.get("user")) == (campaign, user):
                yield call


RULES = (
    an_erased_user_claims_no_more,
    only_who_was_erased_is_told_so,
    nothing_names_an_erased_user,
)
