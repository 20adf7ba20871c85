"""The probes of generated codes, where claims may begin."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.store.postgresql.loading import probes
from service.usecases.ports.chunk import Part

SPACE = 2**32


def widest_gap(places):
    """Return the largest gap between places, as a share of the circle."""
    ordered = sorted(places)
    after = [*ordered[1:], ordered[0] + SPACE]
    return max(b - a for a, b in zip(ordered, after, strict=True)) / SPACE


@given(st.integers(1, 10_000_000), st.data())
def test_every_probe_is_a_number_of_32_bits(total, data):
    at = data.draw(st.integers(0, total - 1))
    count = min(100, total - at)
    places = probes(Part(at, total, count))
    assert count == len(places)
    assert all(-SPACE // 2 <= place < SPACE // 2 for place in places)


def test_all_parts_together_cover_all_numbers_evenly():
    total, size = 64 * 1024, 1024
    places = [place for at in range(0, total, size) for place in probes(Part(at, total, size))]
    assert {1024} == set(Counter((place + SPACE // 2) * 64 // SPACE for place in places).values())


@pytest.mark.parametrize(("done", "most"), [(0.02, 1 / 8), (0.1, 1 / 32), (0.5, 1 / 256)])
def test_claims_are_spread_before_the_last_part_is_there(done, most):
    total = 1_000_000
    assert widest_gap(probes(Part(0, total, int(total * done)))) <= most
