"""The limit of one caller's transfers, so that others have some, too."""

from contextlib import ExitStack

import pytest

from service.api.transfers.admission import SHARE, Transfers
from service.auth.caller import Caller
from service.domain.errors import TooManyOwnTransfers, TooManyTransfers


def caller(subject, issuer="issuer"):
    return Caller(issuer, subject, frozenset(), None)


@pytest.mark.parametrize(("places", "own"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (8, 4)])
def test_one_caller_has_at_most_half_of_the_places(places, own):
    transfers = Transfers(places * SHARE, 600)
    greedy = caller("greedy")
    with ExitStack() as stack:
        for number in range(own):
            stack.enter_context(transfers.place(f"brand{number}", greedy))
        with pytest.raises(TooManyTransfers if places == own else TooManyOwnTransfers):
            stack.enter_context(transfers.place("another", greedy))
        for number in range(own, places):
            stack.enter_context(transfers.place(f"brand{number}", caller(f"other{number}")))
        with pytest.raises(TooManyTransfers):
            stack.enter_context(transfers.place("another", caller("last")))
    with transfers.place("brand1", greedy):
        pass


def test_a_caller_is_a_subject_of_an_issuer():
    transfers = Transfers(2 * SHARE, 600)
    with (
        transfers.place("brand1", caller("same")),
        transfers.place("brand2", caller("same", "b")),
        pytest.raises(TooManyTransfers),
        transfers.place("brand3", caller("third")),
    ):
        pass


def test_a_refused_transfer_takes_no_place():
    transfers = Transfers(4 * SHARE, 600)
    greedy = caller("greedy")
    with transfers.place("brand1", greedy), transfers.place("brand2", greedy):
        for _ in range(5):
            with pytest.raises(TooManyOwnTransfers):
                transfers.place("brand3", greedy).__enter__()
        with transfers.place("brand3", caller("other")), transfers.place("brand4", caller("x")):
            pass
