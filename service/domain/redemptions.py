"""Redemptions: what a reference did with a code."""

from dataclasses import dataclass

from service.domain.model import Millis


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a reference did with a code, which it can do once in its life.

    Args:
        reference: The caller's order.
        user: Who redeemed the code; unknown if it was undone before.
        redeemed_at: When it was redeemed; `None` if it was undone before.
        undone_at: When it was undone; it can never be redeemed again with this reference.
    """

    reference: str
    user: str | None
    redeemed_at: Millis | None
    undone_at: Millis | None = None
