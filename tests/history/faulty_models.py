"""Models of the service that each break one promise, as a careless implementation would."""

from unittest.mock import patch

from tests.tools.model.checkout import Model
from tests.tools.model.stored import Campaign, Code


class UndoesAnothers(Model):
    """Undoes whatever redeemed the code, whichever reference asks."""

    def undo(self, brand, code, reference):
        found = self.code(brand, code)
        return super().undo(brand, code, found.redeemed_by or reference)


class ForgetsUndos(Model):
    """Keeps no tombstone of a reference, so that a late duplicate redeems again."""

    def undo(self, brand, code, reference):
        answer = super().undo(brand, code, reference)
        self.code(brand, code).references.pop(reference, None)
        return answer


class RecyclesToTwo(Model):
    """Gives a code that was released to whoever read it as free, one after the other."""

    def may_claim(self, brand, campaign, user):
        status, codes = super().may_claim(brand, campaign, user)
        found = self.campaign(brand, campaign)
        recycled = [code for code in found.codes.values() if code.version > 1]
        free = [code.code for code in recycled if code.redeemed_by is None]
        return (status, codes) if status == 200 or not free else (201, free)


class BlocksOwnReference(Model):
    """Lets a hold refuse the reference that holds."""

    def _require_use(self, code, user, reference, *, take_over=False):
        super()._require_use(code, user, reference, take_over=take_over)
        if code.held(self.now) and not take_over:
            raise self._refusal(code, "code-held")


class IgnoresHolds(Model):
    """Lets any reference take over a hold."""

    def _require_use(self, code, user, reference, *, take_over=False):
        super()._require_use(code, user, reference, take_over=True)


class ForgetsErasures(Model):
    """Blocks nobody who was erased."""

    def erase(self, brand, user, *, forget=False):
        return super().erase(brand, user, forget=True)


class NamesTheErased(Model):
    """Leaves the name of an erased user in redemptions."""

    def _erase(self, code, user):
        names = {each: found.user for each, found in code.references.items()}
        super()._erase(code, user)
        for each, name in names.items():
            code.references[each].user = name


class ReleasesTheRedeemed(Model):
    """Releases without a look at the state."""

    def release(self, brand, campaign, user):
        held = self.reservation(brand, campaign, user)
        held.redeemed_by = held.hold = None
        return super().release(brand, campaign, user)


class AnswersOnceMore(Model):
    """Redeems anew for a reference that did so before."""

    def redeem(self, brand, code, user, reference, *, dry_run=False):
        _, found = super().redeem(brand, code, user, reference, dry_run=dry_run)
        return 201, found


class TakesAnyUser(Model):
    """Does not ask whose a code is."""

    def _require_use(self, code, user, reference, *, take_over=False):
        super()._require_use(code, code.user or user, reference, take_over=take_over)


class Loses(Model):
    """Loses some redemptions after their answers, as an asynchronous standby would."""

    def __init__(self, now):
        super().__init__(now)
        self.answered = []

    def code(self, brand, code):
        if self.answered and self.now > self.answered[0][2] + 1000:
            lost, reference, _ = self.answered.pop()
            lost.redeemed_by = None
            lost.references.pop(reference, None)
            self.answered.clear()
        return super().code(brand, code)

    def redeem(self, brand, code, user, reference, *, dry_run=False):
        answer = super().redeem(brand, code, user, reference, dry_run=dry_run)
        self.answered.append((super().code(brand, code), reference, self.now))
        return answer


class LapsesTheRedeemed(Model):
    """Takes back what has an end, without a look at its redemption."""

    def may_claim(self, brand, campaign, user):
        for code in self.campaign(brand, campaign).codes.values():
            if code.recycles and code.own_end is not None and code.own_end < self.now:
                code.take_back()
                code.redeemed_by = None
        return super().may_claim(brand, campaign, user)


def lapses_late():
    """Judge ends by what a sweeper wrote, which comes late."""

    def lapsed(self, now):
        return own_lapsed(self, now - 5000)

    own_lapsed = Code.lapsed
    return patch.object(Code, "lapsed", lapsed)


def counts_drift():
    """Count a redemption that was undone as one."""
    own_counts = Campaign.counts

    def counts(self, now):
        counted = own_counts(self, now)
        for code in self.codes.values():
            undone = sum(found.undone_at is not None for found in code.references.values())
            counted["redeemed"] += undone > 1
        return counted

    return patch.object(Campaign, "counts", counts)
