"""The speed of bulk work: slow while others write, fast otherwise."""

import pytest

from service.domain.jobs import Job, JobKind, JobState
from service.usecases.pacing import (
    BRISK_S,
    FEWEST,
    FREE_POLITE_S,
    FREE_S,
    GROWTH,
    MOST,
    POLITE_FOR_S,
    POLITE_S,
    ChunkPacer,
)
from service.usecases.ports.work import Step

JOB = Job("id", JobKind.GENERATE, JobState.RUNNING, MOST, 0, 0, "tests", {}, None, 0, 0, None)
ROWS_A_SECOND = 100_000


class Clock:
    """Does chunks at a constant speed, and counts the seconds."""

    def __init__(self, *, free: bool) -> None:
        self.pacer, self.now, self.free = ChunkPacer(), 0.0, free

    def work(self, seconds: float, *, others: bool) -> float:
        """Work for some seconds; return the duration of the last chunk."""
        ends, took = self.now + seconds, 0.0
        while self.now < ends:
            took = self.pacer.size / ROWS_A_SECOND
            self.now += took + self.pacer.rest_s
            self.pacer.note(Step(JOB, self.pacer.size, 0, took, others, self.free), self.now)
        return took


@pytest.mark.parametrize(("free", "aim_s"), [(False, BRISK_S), (True, FREE_S)])
def test_alone_it_takes_chunks_of_its_aim_one_after_the_other(free, aim_s):
    clock = Clock(free=free)
    assert aim_s == pytest.approx(clock.work(2.0, others=False), rel=0.01)
    assert 0.0 == clock.pacer.rest_s


@pytest.mark.parametrize(("free", "aim_s"), [(False, POLITE_S), (True, FREE_POLITE_S)])
def test_beside_others_chunks_are_short_and_others_have_more_time_than_it(free, aim_s):
    clock = Clock(free=free)
    clock.work(2.0, others=False)
    assert aim_s == pytest.approx(clock.work(1.0, others=True), rel=0.01)
    assert clock.pacer.rest_s >= 2 * aim_s


@pytest.mark.parametrize("free", [False, True])
def test_the_first_chunk_after_others_were_seen_is_short(free):
    clock = Clock(free=free)
    long = clock.work(2.0, others=False)
    clock.pacer.note(Step(JOB, clock.pacer.size, 0, long, others=True, free=free), clock.now)
    assert clock.pacer.size / ROWS_A_SECOND < long / 4


@pytest.mark.parametrize("free", [False, True])
def test_it_stays_polite_for_a_while_and_then_grows_again(free):
    clock = Clock(free=free)
    short = clock.work(1.0, others=True)
    assert short == pytest.approx(clock.work(POLITE_FOR_S / 2, others=False), rel=0.01)
    assert short * GROWTH <= clock.work(POLITE_FOR_S, others=False)


def test_a_chunk_has_never_too_few_rows_nor_too_many():
    pacer = ChunkPacer()
    for seconds in (1e-9,) * 20:
        pacer.note(Step(JOB, pacer.size, 0, seconds, others=False, free=True), 0.0)
    assert MOST == pacer.size
    pacer.note(Step(JOB, pacer.size, 0, 1e9, others=False, free=True), 0.0)
    assert FEWEST == pacer.size
