"""What a code is at a moment, in SQL: the same as `service.domain.states` says.

The expressions need the tables `code` and `campaign`, and the parameter `now`.
"""

from service.domain.campaigns import OnLapse
from service.domain.model import State

LAPSED = f"""(
    code.state = '{State.RESERVED}' AND code.on_lapse = '{OnLapse.RECYCLE}'
    AND code.expires_at <= :now AND coalesce(code.held_until, 0) <= :now
)"""
"""Whether the reservation has ended by itself, so that the code is nobody's."""
STATE = f"""CASE
    WHEN code.state IN ('{State.REDEEMED}', '{State.DISABLED}') THEN code.state
    WHEN code.held_until > :now THEN '{State.RESERVED}'
    WHEN campaign.ends_at <= :now THEN '{State.EXPIRED}'
    WHEN code.expires_at <= :now THEN
        CASE WHEN code.on_lapse = '{OnLapse.RECYCLE}' THEN '{State.AVAILABLE}'
        ELSE '{State.EXPIRED}' END
    WHEN code.user_id IS NULL THEN '{State.AVAILABLE}'
    ELSE '{State.RESERVED}' END"""
"""The state of a code."""
_OWN_END = f"CASE WHEN {LAPSED} THEN NULL ELSE code.expires_at END"
EXPIRES_AT = f"""CASE
    WHEN {_OWN_END} < campaign.ends_at THEN code.expires_at
    ELSE coalesce(campaign.ends_at, {_OWN_END}) END"""
"""The first of the ends of the reservation and of the campaign."""
RESERVED_AT = f"CASE WHEN {LAPSED} THEN NULL ELSE code.reserved_at END"
"""When the holder got the code; `NULL` if it is nobody's."""
