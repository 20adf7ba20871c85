"""Section 2 of the contract: campaigns with rules, and the order of a claim's answers."""

from collections.abc import Sequence
from typing import Any

from tests.tools.model.base import DEFAULT, Base
from tests.tools.model.stored import DEFAULTS, Campaign, Code, Refused


class Campaigns(Base):
    """Rules, creates and claims."""

    def put_rules(
        self, brand: str, campaign: str, wanted: dict[str, Any], *, shorten: bool = False
    ) -> int:
        """Set all rules of a campaign, and return the status.

        Raises:
            Refused: They contradict each other, or change what users were promised.
        """
        rules = DEFAULTS | wanted
        _require_consistency(rules)
        before = self.brands.get(brand, {}).get(campaign)
        self._require_future_end(before, rules)
        if before is not None and before.opened(self.now):
            _require_terms(before.rules, rules, shorten=shorten)
        if before is None:
            self.brands.setdefault(brand, {})[campaign] = Campaign(campaign, rules)
            return 201
        before.rules = rules
        return 200

    def _require_future_end(self, before: Campaign | None, rules: dict[str, Any]) -> None:
        end = rules["ends_at"]
        unchanged = before is not None and before.rules["ends_at"] == end
        if end is not None and end < self.now and not unchanged:
            raise Refused(400, "invalid-request")

    def archive(self, brand: str, campaign: str) -> int:
        """Archive a campaign, also again."""
        self.campaign(brand, campaign).rules["archived"] = True
        return 204

    def may_create(self, brand: str, campaign: str) -> Campaign:
        """Return a campaign for new codes; `default` is made with its brand.

        Raises:
            Refused: There is none, or it is archived.
        """
        if campaign == DEFAULT:
            self.brands.setdefault(brand, {}).setdefault(campaign, Campaign(campaign))
        found = self.campaign(brand, campaign)
        if found.rules["archived"]:
            raise Refused(409, "campaign-not-open", reason="archived")
        return found

    def add(self, campaign: Campaign, codes: Sequence[str]) -> None:
        """Add new codes."""
        assert len({*codes}) == len(codes)
        assert not {*codes} & campaign.codes.keys()
        campaign.codes |= {code: Code(code, campaign) for code in codes}

    def may_claim(self, brand: str, campaign: str, user: str) -> tuple[int, list[str]]:
        """Return the status of a claim, and the codes of which it may answer one.

        Raises:
            Refused: The user gets none.
        """
        found = self.campaign(brand, campaign)
        if held := found.of(user, self.now):
            return 200, [held.code]
        self.require_claims(found, user)
        if own := [code for code in found.free(self.now) if code.user == user]:
            return 201, [code.code for code in own]
        if free := found.free(self.now):
            return 201, [code.code for code in free]
        raise Refused(404, "no-codes-left")

    def require_claims(self, campaign: Campaign, user: str) -> None:
        """Require that a user without a code may claim one.

        Raises:
            Refused: They were erased, or the campaign is closed.
        """
        if user in campaign.blocked:
            raise Refused(410, "user-erased")
        if reason := campaign.closed(self.now):
            raise Refused(409, "campaign-not-open", reason=reason)

    def claim(self, brand: str, campaign: str, user: str, code: str) -> Code:
        """Note the answer to a claim."""
        status, possible = self.may_claim(brand, campaign, user)
        assert code in possible, f"{code} is none of {possible}"
        found = self.campaign(brand, campaign).codes[code]
        if status == 201:
            self.give(found, user)
        return found

    def give(self, code: Code, user: str) -> None:
        code.give_to(user, self.now)
        self.moved(code)

    def reservation(self, brand: str, campaign: str, user: str) -> Code:
        """Return the code that a user holds.

        Raises:
            Refused: There is none.
        """
        held = self.campaign(brand, campaign).of(user, self.now)
        if held is None:
            raise Refused(404, "reservation-not-found")
        return held


def _require_consistency(rules: dict[str, Any]) -> None:
    end = rules["ends_at"]
    begins = (rules["claims_from"], rules["starts_at"])
    late = end is not None and any(begin is not None and begin >= end for begin in begins)
    recycles = "recycle" in {rules["on_lapse"], rules["on_release"]}
    if late or (recycles and rules["redeem_by"] == "anyone"):
        raise Refused(400, "invalid-request")


def _require_terms(before: dict[str, Any], rules: dict[str, Any], *, shorten: bool) -> None:
    """Require that what users were promised stays."""
    moved = before["claims_from"] != rules["claims_from"]
    for name in ("discount", "redeem_by"):
        moved |= before[name] not in (DEFAULTS[name], rules[name])
    earlier = rules["ends_at"] is not None and (
        before["ends_at"] is None or rules["ends_at"] < before["ends_at"]
    )
    if moved or (earlier and not shorten):
        raise Refused(409, "terms-fixed")
