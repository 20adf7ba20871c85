"""What a model of the service stores of campaigns, codes and references, and what it says of them.

It follows the wording of the contract, and knows nothing of the service's code.
"""

from dataclasses import dataclass, field
from typing import Any

DAY_MS = 24 * 3600 * 1000
STATES = ("available", "reserved", "redeemed", "expired", "disabled")
DEFAULTS: dict[str, Any] = {
    "discount": None,
    "claims_from": None,
    "starts_at": None,
    "ends_at": None,
    "reservation_ttl_s": None,
    "on_lapse": "expire",
    "on_release": "retire",
    "redeem_by": "holder",
    "paused": False,
    "archived": False,
}
"""The rules of a campaign by themselves; moments are milliseconds since 1970."""


class Refused(Exception):  # noqa: N818 - what the caller is told
    """The answer must be this problem."""

    def __init__(self, status: int, slug: str, **members: str) -> None:
        super().__init__(status, slug, members)
        self.status, self.slug, self.members = status, slug, members


@dataclass
class Hold:
    """A hold, which need not be live."""

    reference: str
    begin: int
    until: int


@dataclass
class Redemption:
    """What a reference did with a code."""

    user: str | None
    redeemed_at: int | None
    undone_at: int | None = None


@dataclass
class Code:
    """A code; each fact stands by itself, so that undoing one shows the next."""

    code: str
    campaign: "Campaign"
    user: str | None = None
    reserved_at: int | None = None
    own_end: int | None = None
    recycles: bool = False
    redeemed_by: str | None = None
    redeemed_at: int | None = None
    disabled_by: str | None = None
    hold: Hold | None = None
    version: int = 0
    references: dict[str, Redemption] = field(default_factory=dict)

    def held(self, now: int) -> Hold | None:
        """Return the live hold."""
        return self.hold if self.hold and now < self.hold.until else None

    def lapsed(self, now: int) -> bool:
        """Return whether it is judged as if it had no user and no end."""
        return (
            self.recycles
            and self.user is not None
            and self.redeemed_by is None
            and self.disabled_by is None
            and self._past(self.own_end, now)
        )

    def holder(self, now: int) -> str | None:
        return None if self.lapsed(now) else self.user

    def end(self, now: int) -> int | None:
        """Return the earlier end of two."""
        own = None if self.lapsed(now) else self.own_end
        ends = [end for end in (own, self.campaign.rules["ends_at"]) if end is not None]
        return min(ends, default=None)

    def state(self, now: int) -> str:
        """Return the first state that applies."""
        if self.redeemed_by is not None:
            return "redeemed"
        if self.disabled_by is not None:
            return "disabled"
        if self._past(self.end(now), now):
            return "expired"
        return "available" if self.holder(now) is None else "reserved"

    def counted(self, now: int) -> str:
        """Return the state as counts have it: a hold does not keep a code of an ended campaign."""
        state = self.state(now)
        over = self.campaign.ended(now) and state in {"available", "reserved"}
        return "expired" if over else state

    def _past(self, end: int | None, now: int) -> bool:
        return end is not None and end <= now and self.held(now) is None

    def give_to(self, user: str, now: int) -> None:
        """Reserve it, by the rules of this moment."""
        rules = self.campaign.rules
        ttl = rules["reservation_ttl_s"]
        self.user, self.reserved_at = user, now
        self.own_end = None if ttl is None else now + ttl * 1000
        self.recycles = rules["on_lapse"] == "recycle"
        self.hold = None

    def take_back(self) -> None:
        """Make it nobody's."""
        self.user = self.reserved_at = self.own_end = self.hold = None
        self.recycles = False


@dataclass
class Campaign:
    """A pool of codes with rules."""

    name: str
    rules: dict[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    codes: dict[str, Code] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    """Users who were erased while they held a code."""

    def ended(self, now: int) -> bool:
        return self.rules["ends_at"] is not None and self.rules["ends_at"] <= now

    def opened(self, now: int) -> bool:
        """Return whether claims have been open: terms are fixed."""
        return self.rules["claims_from"] is None or self.rules["claims_from"] <= now

    def closed(self, now: int) -> str | None:
        """Return why no codes are handed out."""
        if self.rules["archived"]:
            return "archived"
        if self.ended(now):
            return "ended"
        if not self.opened(now):
            return "early"
        return "paused" if self.rules["paused"] else None

    def of(self, user: str, now: int) -> Code | None:
        """Return the code that a user holds."""
        return next((code for code in self.codes.values() if code.holder(now) == user), None)

    def free(self, now: int) -> list[Code]:
        """Return the codes that may be handed out, with those that have lapsed."""
        return [code for code in self.codes.values() if code.state(now) == "available"]

    def counts(self, now: int) -> dict[str, int]:
        states = [code.counted(now) for code in self.codes.values()]
        return {state: states.count(state) for state in STATES}
