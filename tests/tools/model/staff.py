"""Sections 3 and 4 of the contract: what staff change of codes, and releases."""

from typing import Any

from tests.tools.model.campaigns import Campaigns
from tests.tools.model.stored import Code, Refused

UNCHANGED: Any = object()
"""A member that a PATCH does not have."""


class Staff(Campaigns):
    """Changes of codes by staff."""

    def patch(
        self,
        brand: str,
        campaign: str,
        code: str,
        *,
        disabled: bool | None = None,
        expires_at: Any = UNCHANGED,
    ) -> Code:
        """Disable or enable a code, or set the end of its reservation.

        Raises:
            Refused: It is unknown, redeemed, retired or nobody's.
        """
        found = self.campaign(brand, campaign).codes.get(code)
        if found is None:
            raise Refused(404, "code-not-found")
        if found.redeemed_by is not None:
            raise Refused(409, "code-redeemed")
        if disabled is not None:
            self._switch(found, disabled=disabled)
        if expires_at is not UNCHANGED:
            self._set_end(found, expires_at)
        return found

    def _switch(self, code: Code, *, disabled: bool) -> None:
        if code.disabled_by not in {None, "call"}:
            raise Refused(409, "conflict")
        if disabled == (code.disabled_by is not None):
            return
        if code.lapsed(self.now):
            code.take_back()
        code.disabled_by = "call" if disabled else None
        self.moved(code)

    def _set_end(self, code: Code, end: int | None) -> None:
        if code.holder(self.now) is None or code.disabled_by == "erasure":
            raise Refused(409, "not-reserved")
        if code.own_end == end:
            return
        if end is not None and end < self.now:
            raise Refused(400, "invalid-request")
        code.own_end = end
        self.moved(code)

    def release(self, brand: str, campaign: str, user: str) -> int:
        """Take the code of a user.

        Raises:
            Refused: There is none, or it is redeemed or held.
        """
        code = self.reservation(brand, campaign, user)
        if code.redeemed_by is not None:
            raise Refused(409, "code-redeemed")
        if code.held(self.now):
            raise Refused(409, "code-held")
        code.take_back()
        if code.campaign.rules["on_release"] == "retire":
            code.disabled_by = "release"
        self.moved(code)
        return 204

    def wallet(self, brand: str, user: str, state: str | None = None) -> list[Code]:
        """Return the codes of a user in all campaigns of a brand."""
        held = [code for code in self.codes_of(brand) if code.holder(self.now) == user]
        return [code for code in held if state in {None, code.state(self.now)}]

    def erase(self, brand: str, user: str, *, forget: bool = False) -> int:
        """Erase a user, whose codes are disabled; unless forgotten, they claim no more there.

        Raises:
            Refused: The brand is unknown.
        """
        if brand not in self.brands:
            raise Refused(404, "brand-not-found")
        for campaign in self.brands[brand].values():
            for code in campaign.codes.values():
                self._erase(code, user)
            if forget:
                campaign.blocked.discard(user)
        if forget:
            self._forget(brand, user)
        return 204

    def _erase(self, code: Code, user: str) -> None:
        for redemption in code.references.values():
            if redemption.user == user:
                redemption.user = None
        if code.lapsed(self.now) and code.user == user:
            code.take_back()
            self.moved(code)
        elif code.user == user:
            code.user = f"/{user}"
            code.disabled_by = "erasure"
            code.hold = None
            code.campaign.blocked.add(user)
            self.moved(code)

    def _forget(self, brand: str, user: str) -> None:
        for code in self.codes_of(brand):
            if code.user == f"/{user}":
                code.user = "/"
