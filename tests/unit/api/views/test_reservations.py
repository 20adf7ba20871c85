"""The views of reservations, called without an application."""

import contextvars

import pytest

from service.api.conditions import reservation_etag
from service.api.reply import Reply
from service.api.views.reservations import ReservationViews
from service.domain.erasure import no_tombstones
from service.domain.errors import NoCodesLeft, ReservationNotFound
from service.domain.model import Reservation, ReservationResult, State
from service.observability.exchange import Exchange, Pseudonyms, RequestRecord, use_exchange

HELD = Reservation("CODE1", State.RESERVED, 0, None, 1)
ETAG = ("ETag", reservation_etag("CODE1", 1))
SHOWN = {
    "discount_code": "CODE1",
    "state": "reserved",
    "brand": "b",
    "campaign": "c",
    "user": "u",
    "reserved_at": "1970-01-01T00:00:00.000Z",
    "expires_at": None,
}


class Store:
    """A store of one code, or none."""

    def __init__(self, free):
        self.free, self.held = free, None

    def reserve(self, _brand, _campaign, _user, _now, _tombstones):
        if not self.free and not self.held:
            raise NoCodesLeft
        new, self.held = not self.held, HELD
        return ReservationResult(HELD, new)

    def find_reservation(self, _brand, _campaign, _user, _now):
        return self.held


class Metrics:
    """Records the outcomes."""

    def __init__(self):
        self.outcomes = []
        self.exhausted = []

    def pool_exhausted(self, brand, campaign):
        self.exhausted.append((brand, campaign))

    def reservation(self, outcome):
        self.outcomes.append(outcome)


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def views_of(metrics):
    return lambda free: ReservationViews(Store(free), metrics, no_tombstones)  # type: ignore[arg-type]


def called(view):
    """Call a view as the middleware does, within the context of a request."""
    record = RequestRecord({}, Pseudonyms(lambda: b""))

    def call():
        use_exchange(Exchange(record))
        return view("b", "c", "u")

    return contextvars.copy_context().run(call), record.outcome


def test_a_reservation_is_new_once_and_then_repeated(views_of, metrics):
    views = views_of(free=True)
    assert (Reply(SHOWN, 201, (ETAG,)), "new") == called(views.put_reservation)
    assert (Reply(SHOWN, 200, (ETAG,)), "repeated") == called(views.put_reservation)
    assert ["new", "repeated"] == metrics.outcomes
    assert (Reply(SHOWN, 200, (ETAG,)), None) == called(views.show_reservation)


def test_an_exhausted_pool_is_counted_and_logged(views_of, metrics):
    with pytest.raises(NoCodesLeft):
        called(views_of(free=False).put_reservation)
    assert (["exhausted"], [("b", "c")]) == (metrics.outcomes, metrics.exhausted)


def test_who_holds_nothing_is_shown_nothing(views_of, metrics):
    with pytest.raises(ReservationNotFound):
        called(views_of(free=True).show_reservation)
    assert [] == metrics.outcomes
