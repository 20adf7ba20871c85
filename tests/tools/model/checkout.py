"""Section 5 of the contract: hold, redeem, undo, and the order of their refusals."""

from tests.tools.model.staff import Staff
from tests.tools.model.stored import DAY_MS, Code, Hold, Redemption, Refused


class Model(Staff):
    """The whole life of a code."""

    def hold(
        self, brand: str, code: str, user: str, reference: str, ttl_s: int, *, take_over: bool
    ) -> tuple[int, Code]:
        """Hold a code for a checkout.

        Raises:
            Refused: As for a redemption; a code without a holder cannot be held.
        """
        found = self.code(brand, code)
        live = found.held(self.now)
        if found.redeemed_by == reference:
            own = found.references[reference].user in {user, None}
            raise self._refusal(found, "code-redeemed" if own else "not-the-holder")
        self._require_use(found, user, reference, take_over=take_over)
        if found.holder(self.now) is None and found.state(self.now) != "expired":
            raise self._refusal(found, "not-reserved")
        self._require_times(found)
        again = live is not None and live.reference == reference
        begin = live.begin if live else self.now
        until = min(self.now + ttl_s * 1000, begin + DAY_MS)
        found.hold = Hold(reference, begin, until)
        self.moved(found)
        return (200 if again else 201), found

    def unhold(self, brand: str, code: str, reference: str) -> int:
        """Drop a hold, if there is one by this reference."""
        found = self.code(brand, code)
        live = found.held(self.now)
        if live and live.reference == reference:
            found.hold = None
            self.moved(found)
        return 204

    def redeem(
        self, brand: str, code: str, user: str, reference: str, *, dry_run: bool = False
    ) -> tuple[int, Redemption]:
        """Use a code up.

        Raises:
            Refused: It cannot be used by this user, with this reference, or now.
        """
        found = self.code(brand, code)
        if found.redeemed_by == reference:
            redemption = found.references[reference]
            if redemption.user not in {user, None}:
                raise self._refusal(found, "not-the-holder")
            return 200, redemption
        self._require_use(found, user, reference)
        if found.holder(self.now) is None and found.state(self.now) != "expired":
            self._require_claim(found, user)
        self._require_times(found)
        done = Redemption(user, self.now)
        if dry_run:
            return 200, done
        if found.holder(self.now) is None:
            found.give_to(user, self.now)
        found.redeemed_by, found.redeemed_at, found.hold = reference, self.now, None
        found.references[reference] = done
        self.moved(found)
        return 201, done

    def _require_use(
        self, code: Code, user: str, reference: str, *, take_over: bool = False
    ) -> None:
        """Require that no reference and nobody else stands in the way."""
        if reference in code.references and reference != code.redeemed_by:
            raise self._refusal(code, "redemption-undone")
        if code.redeemed_by is not None:
            raise self._refusal(code, "code-redeemed")
        if code.disabled_by is not None:
            raise self._refusal(code, "code-disabled")
        live = code.held(self.now)
        if live and live.reference != reference and not take_over:
            raise self._refusal(code, "code-held")
        if code.holder(self.now) not in {None, user}:
            raise self._refusal(code, "not-the-holder")

    def _require_claim(self, code: Code, user: str) -> None:
        """Require that a user may claim the code at the checkout."""
        if code.campaign.rules["redeem_by"] != "anyone":
            raise self._refusal(code, "not-reserved")
        try:
            self.require_claims(code.campaign, user)
        except Refused as refused:
            raise self._refusal(code, refused.slug, refused.status, **refused.members) from None
        if code.campaign.of(user, self.now):
            raise self._refusal(code, "already-holds")

    def _require_times(self, code: Code) -> None:
        """Require that the code is good now."""
        begin = code.campaign.rules["starts_at"]
        if begin is not None and self.now < begin:
            raise self._refusal(code, "not-yet-valid")
        if code.state(self.now) == "expired":
            raise self._refusal(code, "code-expired")

    def _refusal(self, code: Code, slug: str, status: int = 409, **members: str) -> Refused:
        return Refused(status, slug, state=code.state(self.now), **members)

    def undo(self, brand: str, code: str, reference: str) -> int:
        """Undo what a reference did with a code, and ever will."""
        found = self.code(brand, code)
        if found.redeemed_by == reference:
            found.redeemed_by = found.redeemed_at = None
            found.references[reference].undone_at = self.now
            self.moved(found)
        elif reference not in found.references:
            found.references[reference] = Redemption(None, None, self.now)
        return 204

    def redemption(self, brand: str, code: str, reference: str) -> Redemption:
        """Return what a reference did with a code.

        Raises:
            Refused: Nothing.
        """
        found = self.code(brand, code).references.get(reference)
        if found is None:
            raise Refused(404, "redemption-not-found")
        return found
