"""Releases: what is refused, and what is stored of a code afterwards."""

from dataclasses import replace

from service.domain.campaigns import OnRelease, Rules
from service.domain.code_refusals import CodeHeld, CodeRedeemed
from service.domain.model import Millis
from service.domain.redeeming import seconds_left, with_state
from service.domain.states import DisabledBy, StoredCode


def release(stored: StoredCode, rules: Rules, now: Millis) -> StoredCode:
    """Return what is stored of a code that its holder gives back.

    Raises:
        CodeRedeemed, CodeHeld: It cannot be given back now.
    """
    state = stored.state(rules.ends_at, now)
    if stored.redeemed_at is not None:
        raise with_state(CodeRedeemed(), state)
    if stored.hold and stored.hold.is_live(now):
        raise with_state(CodeHeld(seconds_left(stored.hold, now)), state)
    after = stored.nobodys()
    if rules.on_release is OnRelease.RETIRE:
        return replace(after, disabled_at=now, disabled_by=DisabledBy.RELEASE)
    return after
