"""Changes of a campaign's rules: what users have been promised does not change any more."""

from collections.abc import Iterator

from service.domain.campaigns import OnLapse, OnRelease, RedeemBy, Rules
from service.domain.errors import InputError
from service.domain.model import Millis


def faults(rules: Rules) -> Iterator[InputError]:
    """Yield the members of rules that contradict each other."""
    ends_at = rules.ends_at
    for name in ("claims_from", "starts_at"):
        begin: Millis | None = getattr(rules, name)
        if ends_at is not None and begin is not None and begin >= ends_at:
            yield InputError(f"/{name}", "Must be before ends_at.")
    if rules.redeem_by is RedeemBy.ANYONE:
        for name, recycles in (
            ("on_lapse", rules.on_lapse is OnLapse.RECYCLE),
            ("on_release", rules.on_release is OnRelease.RECYCLE),
        ):
            if recycles:
                yield InputError(
                    f"/{name}",
                    "Must not be recycle if anyone may redeem a code: its former holder knows it.",
                )


def faults_of_end(before: Rules | None, after: Rules, now: Millis) -> Iterator[InputError]:
    """Yield what is wrong with the end of a campaign at this moment."""
    ends_at, known = after.ends_at, before.ends_at if before else None
    if ends_at is not None and ends_at < now and ends_at != known:
        yield InputError("/ends_at", "Must not be in the past.")


def fixed_terms(before: Rules, after: Rules, now: Millis, *, shorten: bool) -> Iterator[str]:
    """Yield the names of the members that may not change like this any more.

    Args:
        before: The rules as they are.
        after: The rules that are wanted.
        now: This moment.
        shorten: Whether the caller insists on an earlier end.
    """
    if before.claims_are_open(now):
        if after.claims_from != before.claims_from:
            yield "claims_from"
        if before.discount is not None and after.discount != before.discount:
            yield "discount"
        if before.redeem_by is not RedeemBy.HOLDER and after.redeem_by is not before.redeem_by:
            yield "redeem_by"
        if _is_earlier(after.ends_at, before.ends_at) and not shorten:
            yield "ends_at"


def _is_earlier(end: Millis | None, other: Millis | None) -> bool:
    return end is not None and (other is None or end < other)
