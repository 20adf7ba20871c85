"""The answers of a model as the service gives them, for calls of a history."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from tests.tools.history.history import Call, Kind
from tests.tools.model.checkout import Model
from tests.tools.model.staff import UNCHANGED
from tests.tools.model.stored import Code, Refused

Answer = tuple[int, Any]


def answer(model: Model, call: Call) -> Call:
    """Let a model answer a call, of which only its times are still missing."""
    try:
        status, content = ANSWERS[call.kind](model, call)
    except Refused as refused:
        problem = {"type": f"/problems/{refused.slug}", **refused.members}
        status, content = refused.status, problem
    body = b"" if content is None else json.dumps(content).encode()
    return replace(call, status=status, body=body, retry_after=b"code-held" in body)


def _create(model: Model, call: Call) -> Answer:
    campaign = model.may_create(call.brand, call.campaign)
    first = len(model.codes_of(call.brand))
    codes = [f"CODE-{number}" for number in range(first, first + call.count)]
    model.add(campaign, codes)
    return 201, codes


def _rules(model: Model, call: Call) -> Answer:
    return model.put_rules(call.brand, call.campaign, json.loads(call.rules)), {}


def _claim(model: Model, call: Call) -> Answer:
    status, codes = model.may_claim(*call.holder)
    code = model.claim(*call.holder, codes[0])
    return status, reservation(model, call, code)


def reservation(model: Model, call: Call, code: Code) -> dict[str, Any]:
    """Return the representation of a reservation."""
    return {
        "discount_code": code.code,
        "state": code.state(model.now),
        "brand": call.brand,
        "campaign": code.campaign.name,
        "user": call.user,
        "reserved_at": code.reserved_at,
    }


def _show(model: Model, call: Call) -> Answer:
    return 200, reservation(model, call, model.reservation(*call.holder))


def _release(model: Model, call: Call) -> Answer:
    return model.release(*call.holder), None


def _code_object(model: Model, code: Code) -> dict[str, Any]:
    return {"code": code.code, "state": code.state(model.now), "version": code.version}


def _look(model: Model, call: Call) -> Answer:
    return 200, _code_object(model, model.code(call.brand, call.code))


def _list(model: Model, call: Call) -> Answer:
    return 200, [_code_object(model, code) for code in model.codes_of(call.brand)]


def _counts(model: Model, call: Call) -> Answer:
    return 200, {"counts": model.campaign(*call.pool).counts(model.now)}


def _patch(model: Model, call: Call) -> Answer:
    end: Any = UNCHANGED
    if call.end is not None:
        end = None if call.end == inf else round(call.end * 1000)
    asked = (call.brand, call.campaign, call.code)
    return 200, _code_object(model, model.patch(*asked, disabled=call.disabled, expires_at=end))


def _hold(model: Model, call: Call) -> Answer:
    asked = (call.brand, call.code, call.user, call.reference, call.ttl_s)
    status, _ = model.hold(*asked, take_over=call.take_over)
    return status, {"code": call.code, "reference": call.reference}


def _unhold(model: Model, call: Call) -> Answer:
    return model.unhold(call.brand, call.code, call.reference), None


def _redeem(model: Model, call: Call) -> Answer:
    status, _ = model.redeem(call.brand, call.code, call.user, call.reference)
    return status, _redemption_object(model, call)


def _redemption(model: Model, call: Call) -> Answer:
    return 200, _redemption_object(model, call)


def _redemption_object(model: Model, call: Call) -> dict[str, Any]:
    found = model.redemption(call.brand, call.code, call.reference)
    campaign = model.code(call.brand, call.code).campaign.name
    shown = {"campaign": campaign, "user": found.user, "redeemed_at": found.redeemed_at}
    return shown | ({} if found.undone_at is None else {"undone_at": found.undone_at})


def _undo(model: Model, call: Call) -> Answer:
    return model.undo(call.brand, call.code, call.reference), None


def _wallet(model: Model, call: Call) -> Answer:
    codes = model.wallet(call.brand, call.user)
    return 200, {"items": [reservation(model, call, code) for code in codes]}


def _erase(model: Model, call: Call) -> Answer:
    return model.erase(call.brand, call.user), None


ANSWERS: dict[Kind, Callable[[Model, Call], Answer]] = {
    Kind.ADD: _create,
    Kind.RULES: _rules,
    Kind.PUT: _claim,
    Kind.SHOW: _show,
    Kind.RELEASE: _release,
    Kind.LOOK: _look,
    Kind.LIST: _list,
    Kind.COUNTS: _counts,
    Kind.PATCH: _patch,
    Kind.HOLD: _hold,
    Kind.UNHOLD: _unhold,
    Kind.REDEEM: _redeem,
    Kind.REDEMPTION: _redemption,
    Kind.UNDO: _undo,
    Kind.WALLET: _wallet,
    Kind.ERASE: _erase,
}
