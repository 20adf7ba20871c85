"""Campaigns: setting their rules, and archiving them."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from service.domain.campaigns import Campaign, CampaignWithCounts, Rules
from service.domain.errors import InvalidRequest, TermsFixed
from service.domain.model import Millis, State
from service.domain.terms import faults_of_end, fixed_terms
from service.usecases.codes import require_room
from service.usecases.jobs import cancel_open_jobs
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.transaction import Transaction, Writes

Precondition = Callable[[Rules | None], None]
"""Raises `PreconditionFailed` if the present rules are not what the caller expects."""


def no_precondition(_rules: Rules | None) -> None:
    """Expect nothing."""


class WantedRules(NamedTuple):
    """The rules that a caller wants a campaign to have."""

    rules: Rules
    precondition: Precondition = no_precondition
    """Judges the present rules."""
    shorten: bool = False
    """Whether the end may move to an earlier moment although claims are open."""
    dry_run: bool = False
    """Whether nothing is changed."""


class PutCampaign(NamedTuple):
    """A campaign whose rules were set."""

    campaign: CampaignWithCounts
    """As it is now, or would be."""
    new: bool
    """Whether it was made now."""


def put_campaign(
    store: Writes,
    brand: str,
    campaign: str,
    wanted: WantedRules,
    clock: Clock = system_clock,
) -> PutCampaign:
    """Set all rules of a campaign, which is made with its brand if needed.

    Raises:
        PreconditionFailed: The precondition does not hold.
        InvalidRequest: The end would be in the past.
        TermsFixed: Users have been promised other terms.
        Guessable: The codes would be too easy to guess.
    """

    def put(tx: Transaction) -> PutCampaign:
        rules = wanted.rules
        made = None if wanted.dry_run else tx.insert_campaign(brand, campaign)
        before = None if made else tx.lock_campaign(brand, campaign)
        known = before.rules if before else None
        wanted.precondition(known)
        _check_change(before, wanted, tx.now)
        if not wanted.dry_run:
            pool = made or tx.campaign(brand, campaign)
            tx.set_rules(pool, rules)
            if rules.archived and not (known and known.archived):
                cancel_open_jobs(tx, pool)
        after = before or CampaignWithCounts(
            Campaign(brand, campaign, tx.now), rules, dict.fromkeys(State, 0)
        )
        return PutCampaign(after._replace(rules=rules), new=before is None)

    return store.write(put, clock(), grows=True)


def archive_campaign(
    store: Writes,
    brand: str,
    campaign: str,
    *,
    precondition: Precondition = no_precondition,
    clock: Clock = system_clock,
) -> None:
    """Archive a campaign, and cancel the open jobs that would make codes for it.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        PreconditionFailed: The precondition does not hold.
    """

    def archive(tx: Transaction) -> None:
        pool = tx.campaign(brand, campaign)
        before = tx.lock_campaign(brand, campaign)
        known = before.rules if before else Rules()
        precondition(known)
        if not known.archived:
            tx.set_rules(pool, replace(known, archived=True))
            cancel_open_jobs(tx, pool)

    store.write(archive, clock())


def _check_change(before: CampaignWithCounts | None, wanted: WantedRules, now: Millis) -> None:
    known, rules = before.rules if before else None, wanted.rules
    if faults := list(faults_of_end(known, rules, now)):
        raise InvalidRequest(faults)
    if known and (members := list(fixed_terms(known, rules, now, shorten=wanted.shorten))):
        raise TermsFixed(members)
    require_room(rules.code_format, sum(before.counts.values()) if before else 0)
