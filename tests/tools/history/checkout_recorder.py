"""Calls about the life of codes: by checkouts, staff and the users themselves."""

import json
import time
from datetime import UTC, datetime, timedelta
from math import inf, isinf
from typing import Any

from tests.tools.history.history import Call, Kind
from tests.tools.history.recorder import Recorder, campaign_path


class CheckoutRecorder(Recorder):
    """A client that knows all calls."""

    def rules(self, brand: str, rules: str, timeout: float) -> Call:
        """Set the rules of a campaign."""
        call = self._new(Kind.RULES, brand, rules=rules)
        return self._make(call, "PUT", campaign_path(call), timeout, json.loads(rules))

    def look(self, brand: str, code: str, timeout: float) -> Call:
        """Look a code up by its brand."""
        call = self._new(Kind.LOOK, brand, code=code)
        return self._make(call, "GET", _code_path(call), timeout)

    def switch(self, brand: str, code: str, timeout: float, *, disabled: bool) -> Call:
        """Disable or enable a code."""
        call = self._new(Kind.PATCH, brand, code=code, disabled=disabled)
        path = f"{campaign_path(call)}/codes/{code}"
        return self._make(call, "PATCH", path, timeout, {"disabled": disabled})

    def set_end(self, brand: str, code: str, seconds: float, timeout: float) -> Call:
        """Set the end of a reservation, which infinity removes."""
        call = self._new(Kind.PATCH, brand, code=code, end=time.monotonic() + seconds)
        path = f"{campaign_path(call)}/codes/{code}"
        return self._make(call, "PATCH", path, timeout, {"expires_at": _moment(seconds)})

    def release(self, brand: str, user: str, timeout: float) -> Call:
        """Take a code from a user."""
        call = self._new(Kind.RELEASE, brand, user=user)
        return self._make(call, "DELETE", f"{campaign_path(call)}/reservations/{user}", timeout)

    def hold(self, asked: Call, ttl_s: int, timeout: float, *, take_over: bool = False) -> Call:
        """Hold a code for the user and the reference of another call."""
        call = self._about(Kind.HOLD, asked, ttl_s=ttl_s, take_over=take_over)
        body = {"reference": call.reference, "user": call.user, "ttl_s": ttl_s}
        body |= {"take_over": True} if take_over else {}
        return self._make(call, "PUT", f"{_code_path(call)}/hold", timeout, body)

    def unhold(self, asked: Call, timeout: float) -> Call:
        """Drop a hold."""
        call = self._about(Kind.UNHOLD, asked)
        return self._make(call, "DELETE", f"{_code_path(call)}/hold{_query(call)}", timeout)

    def redeem(self, asked: Call, timeout: float) -> Call:
        """Use a code up."""
        call = self._about(Kind.REDEEM, asked)
        body = {"reference": call.reference, "user": call.user}
        return self._make(call, "PUT", f"{_code_path(call)}/redemption", timeout, body)

    def redemption(self, asked: Call, timeout: float) -> Call:
        """Show what a reference did with a code."""
        call = self._about(Kind.REDEMPTION, asked)
        return self._make(call, "GET", f"{_code_path(call)}/redemption{_query(call)}", timeout)

    def undo(self, asked: Call, timeout: float) -> Call:
        """Undo what a reference did with a code, and ever will."""
        call = self._about(Kind.UNDO, asked)
        return self._make(call, "DELETE", f"{_code_path(call)}/redemption{_query(call)}", timeout)

    def wallet(self, brand: str, user: str, timeout: float) -> Call:
        """List the codes of a user."""
        call = self._new(Kind.WALLET, brand, user=user)
        return self._make(call, "GET", f"/v1/brands/{brand}/users/{user}/codes", timeout)

    def erase(self, brand: str, user: str, timeout: float) -> Call:
        """Erase a user."""
        call = self._new(Kind.ERASE, brand, user=user)
        return self._make(call, "DELETE", f"/v1/brands/{brand}/users/{user}", timeout)

    def _about(self, kind: Kind, asked: Call, **more: Any) -> Call:
        about = {"code": asked.code, "user": asked.user, "reference": asked.reference}
        return self._new(kind, asked.brand, **about, **more)


def _code_path(call: Call) -> str:
    return f"/v1/brands/{call.brand}/codes/{call.code}"


def _query(call: Call) -> str:
    return f"?reference={call.reference}"


def _moment(seconds: float) -> str | None:
    if isinf(seconds):
        return None
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


FOREVER = inf
"""No end of a reservation."""
