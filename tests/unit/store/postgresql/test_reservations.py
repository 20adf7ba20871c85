"""The place of a process's next claim on PostgreSQL."""

from service.store.postgresql import reservations
from service.store.postgresql.reservations import ClaimPlaces


def test_now_and_then_a_claim_begins_elsewhere(monkeypatch):
    monkeypatch.setattr(reservations, "MOVE_EVERY", 2)
    places = ClaimPlaces()
    begun = set()
    for _ in range(100):
        places.claimed("brand", "default", 7)
        begun.add(places.next("brand", "default"))
    assert 2 < len(begun)
    assert 7 in begun


def test_a_pool_has_its_own_place_and_few_are_remembered(monkeypatch):
    monkeypatch.setattr(reservations, "MOVE_EVERY", 2**40)
    monkeypatch.setattr(reservations, "MOST_PLACES", 3)
    places = ClaimPlaces()
    for number in range(10):
        places.claimed("brand", f"c{number}", number)
        assert number == places.next("brand", f"c{number}")
    assert 3 >= sum(number == places.next("brand", f"c{number}") for number in range(10))
