"""Lapses: reservations that have ended by themselves, for claims and for the sweeper.

A lapse is one conditional change of rows whose end is past and that no checkout holds, so whoever
comes second finds nothing to do.
"""

from typing import NamedTuple

from service.domain.campaigns import OnLapse
from service.domain.model import State

DUE = f"""
    brand_id = :brand_id AND campaign_id = :campaign_id AND state = '{State.RESERVED}'
    AND expires_at IS NOT NULL AND expires_at <= :now AND coalesce(held_until, 0) <= :now
"""
"""The codes of a campaign whose reservations are over: a range of the index `code_due`."""
_FORGOTTEN = (
    "user_id",
    "reserved_at",
    "expires_at",
    "on_lapse",
    "hold_reference",
    "held_from",
    "held_until",
)
_RECYCLED = f"CASE WHEN on_lapse = '{OnLapse.RECYCLE}' THEN"
LAPSE = f"""
    UPDATE code SET
        state = {_RECYCLED} '{State.AVAILABLE}' ELSE '{State.EXPIRED}' END,
        {", ".join(f"{name} = {_RECYCLED} NULL ELSE {name} END" for name in _FORGOTTEN)},
        version = version + 1
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id
"""  # noqa: S608 - constants
"""Lets codes be nobody's, see `StoredCode.nobodys`, or be expired, as was said to their users."""
MOST = 500
"""Most codes of one step."""


class Lapsed(NamedTuple):
    """The number of codes that have lapsed in a step."""

    recycled: int = 0
    expired: int = 0
