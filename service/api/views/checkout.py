"""The calls of a checkout: an order holds a code, redeems it, and undoes that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from service.api.limits.misses import Misses
from service.api.operation import Answer, operation
from service.api.reply import Reply
from service.api.schemas import checkout as schemas
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.code_refusals import (
    AlreadyHolds,
    CodeDisabled,
    CodeExpired,
    CodeHeld,
    CodeRedeemed,
    NotReserved,
    NotTheHolder,
    NotYetValid,
    RedemptionUndone,
)
from service.domain.erasure import Tombstones
from service.domain.errors import (
    BrandNotFound,
    CampaignNotOpen,
    CodeNotFound,
    RedemptionNotFound,
    TooManyMisses,
    UserErased,
)
from service.domain.redeeming import Order
from service.formats.timestamps import timestamp
from service.observability.exchange import current_record
from service.observability.metrics.instruments import Metrics
from service.observability.metrics.move_counters import REFUSED
from service.usecases import holds, redemptions
from service.usecases.ports.code_moves import CodeMoves
from service.usecases.redemptions import CodeRedemption

_CODE = "/v1/brands/{brand}/codes/{code}"
_REDEMPTION = f"{_CODE}/redemption"
_HOLD = f"{_CODE}/hold"
_UNKNOWN = (BrandNotFound, CodeNotFound, TooManyMisses)
_HOLD_REFUSALS = (
    *_UNKNOWN,
    RedemptionUndone,
    CodeRedeemed,
    CodeDisabled,
    CodeHeld,
    NotTheHolder,
    NotReserved,
    NotYetValid,
    CodeExpired,
)
_REDEEM_REFUSALS = (*_HOLD_REFUSALS, UserErased, CampaignNotOpen, AlreadyHolds)


class CheckoutViews:
    """The views of holds and redemptions; those who guess codes are refused for a while."""

    tag = "checkout"

    def __init__(
        self, moves: CodeMoves, metrics: Metrics, misses: Misses, tombstones: Tombstones
    ) -> None:
        self._moves, self._misses, self._tombstones = moves, misses, tombstones
        self._counters = metrics.moves

    @operation(
        "PUT",
        _HOLD,
        summary="Hold a code",
        scope=Scope.REDEEM,
        parameters=schemas.BrandCodePath,
        body=schemas.HoldBody,
        answers={
            201: Answer("The order holds the code now.", schemas.HoldObject),
            200: Answer("The order held the code before; the end has moved.", schemas.HoldObject),
        },
        refusals=_HOLD_REFUSALS,
    )
    def hold_code(
        self, brand: str, code: str, reference: str, user: str, ttl_s: int, *, take_over: bool
    ) -> Reply:
        """Keeps a user's code reserved for an order, even past its end, for at most 24 hours.

        No other order can redeem the code meanwhile. A refusal tells the `state` of the code.
        """
        with self._refused_or_unknown(brand, self._counters.hold):
            held = holds.hold(
                self._moves, brand, code, Order(reference, user), ttl_s, take_over=take_over
            )
        _record(self._counters.hold, held.outcome)
        shown = {
            "code": held.code,
            "reference": held.reference,
            "held_until": timestamp(held.held_until),
            "discount": held.discount,
        }
        return Reply(shown, 200 if held.outcome is holds.HoldOutcome.EXTENDED else 201)

    @operation(
        "DELETE",
        _HOLD,
        summary="End a hold",
        scope=Scope.REDEEM,
        parameters=schemas.BrandCodePath,
        query=schemas.ReferenceQuery,
        answers={204: Answer("The order does not hold the code.", None)},
        refusals=_UNKNOWN,
    )
    def end_hold(self, brand: str, code: str, reference: str) -> Reply:
        """Ends the order's hold, if there is one; another order's hold stays."""
        with self._unknown(brand):
            if holds.end_hold(self._moves, brand, code, reference):
                _record(self._counters.hold, "ended")
        return Reply(None, 204)

    @operation(
        "PUT",
        _REDEMPTION,
        summary="Redeem a code",
        scope=Scope.REDEEM,
        parameters=schemas.BrandCodePath,
        query=schemas.RedeemQuery,
        body=schemas.RedeemBody,
        answers={
            201: Answer("The order has redeemed the code now.", schemas.RedemptionObject),
            200: Answer(
                "The order had redeemed the code before, or would redeem it with `dry_run`.",
                schemas.RedemptionObject,
            ),
        },
        refusals=_REDEEM_REFUSALS,
    )
    def redeem_code(
        self, brand: str, code: str, reference: str, user: str, *, dry_run: bool
    ) -> Reply:
        """Uses the user's code up for an order, once, however often the call is repeated.

        If the campaign's `redeem_by` is `anyone`, a code of nobody is reserved and redeemed in one.
        A refusal tells the `state` of the code.
        """
        order = Order(reference, user)
        with self._refused_or_unknown(brand, None if dry_run else self._counters.redemption):
            done = redemptions.redeem(
                self._moves, brand, code, order, dry_run=dry_run, tombstones=self._tombstones
            )
        current_record().campaign = done.campaign
        if not dry_run:
            _record(self._counters.redemption, "new" if done.new else "repeated")
        return Reply(_redemption_object(done), 201 if done.new and not dry_run else 200)

    @operation(
        "GET",
        _REDEMPTION,
        summary="Show what an order did with a code",
        scope=Scope.REDEEM,
        parameters=schemas.BrandCodePath,
        query=schemas.ReferenceQuery,
        answers={200: Answer("The redemption, or its undo.", schemas.PastRedemptionObject)},
        refusals=(*_UNKNOWN, RedemptionNotFound),
    )
    def show_redemption(self, brand: str, code: str, reference: str) -> Reply:
        """Returns the redemption of a code by an order, with `undone_at` if it was undone."""
        with self._unknown(brand):
            done = redemptions.show_redemption(self._moves, brand, code, reference)
        current_record().campaign = done.campaign
        return Reply(_redemption_object(done))

    @operation(
        "DELETE",
        _REDEMPTION,
        summary="Undo a redemption",
        scope=Scope.REDEEM,
        parameters=schemas.BrandCodePath,
        query=schemas.ReferenceQuery,
        answers={
            204: Answer("There is no redemption by this order, and never will be.", None),
        },
        refusals=_UNKNOWN,
    )
    def undo_redemption(self, brand: str, code: str, reference: str) -> Reply:
        """Gives the code back that an order redeemed; it is again what it was before.

        Call it also if you do not know whether the redemption arrived: if it is still on its way,
        it will be refused.
        """
        with self._unknown(brand):
            _record(
                self._counters.undo, redemptions.undo(self._moves, brand, code, reference).value
            )
        return Reply(None, 204)

    @contextmanager
    def _unknown(self, brand: str) -> Iterator[None]:
        with self._misses.of_change(current_caller(), brand):
            yield

    @contextmanager
    def _refused_or_unknown(
        self, brand: str, count: Callable[[str], None] | None
    ) -> Iterator[None]:
        """Count a refused call, if there is a counter, and a miss if the code is unknown."""
        try:
            with self._unknown(brand):
                yield
        except _REDEEM_REFUSALS:
            if count:
                count(REFUSED)
            raise


def _record(count: Callable[[str], None], outcome: str) -> None:
    count(outcome)
    current_record().outcome = outcome


def _redemption_object(done: CodeRedemption) -> dict[str, Any]:
    """Return the representation of a redemption, with the moment of its undo if there is one."""
    redemption = done.redemption
    shown = {
        "code": done.code,
        "campaign": done.campaign,
        "user": redemption.user,
        "reference": redemption.reference,
        "redeemed_at": timestamp(redemption.redeemed_at),
        "discount": done.discount,
    }
    if redemption.undone_at is not None:
        shown["undone_at"] = timestamp(redemption.undone_at)
    return shown
