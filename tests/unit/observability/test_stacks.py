"""Stacks in the log: printed once in a while, and never without end."""

import io
import json

import pytest

from service.observability import stacks
from service.observability.logging import build_logger
from service.observability.stacks import MOST_FRAMES, MOST_STACKS, PrintedStacks, frames_of, id_of
from service.settings import Settings


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def logged():
    """Log exceptions, and return the lines."""
    output = io.StringIO()
    log = build_logger(Settings(), output)

    def log_each(*errors):
        for error in errors:
            log.error("request_failed", exc_info=error)
        return [json.loads(line) for line in output.getvalue().splitlines()]

    return log_each


def raised(work):
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError


def deep(depth):
    return deep(depth - 1) if depth else 1 / 0


def test_the_same_stack_is_printed_once_and_named_in_each_line(logged):
    lines = logged(*(raised(lambda: int("x")) for _ in range(1000)))
    assert 1 == sum(line["stack"] is not None for line in lines)
    assert (1000, 1) == (len(lines), len({line["stack_id"] for line in lines}))
    assert {"builtins.ValueError"} == {name for line in lines for name in line["exception"]}


def test_another_type_or_place_is_another_stack(logged):
    lines = logged(raised(lambda: int("x")), raised(lambda: 1 // 0), raised(lambda: deep(1)))
    assert all(line["stack"] for line in lines)
    assert 3 == len({line["stack_id"] for line in lines})


def test_it_is_printed_again_after_a_minute():
    clock = Clock()
    printed = PrintedStacks(clock)
    assert [True, False] == [printed.is_new("a") for _ in range(2)]
    clock.now = stacks.REPEAT_AFTER_S
    assert [True, False] == [printed.is_new("a") for _ in range(2)]


def test_only_so_many_are_remembered():
    printed = PrintedStacks(Clock())
    assert all(printed.is_new(str(number)) for number in range(2 * MOST_STACKS))
    assert not printed.is_new(str(2 * MOST_STACKS - 1))
    assert printed.is_new("0")


def test_the_stack_of_a_recursion_is_cut():
    frames = frames_of(raised(lambda: deep(500)).__traceback__)
    assert MOST_FRAMES + 1 == len(frames)
    assert ("raised", "deep") == (frames[0].split()[-1], frames[-1].split()[-1])
    assert " more" in frames[MOST_FRAMES // 2]


def test_an_id_is_the_same_in_all_processes():
    assert "44f2ff71" == id_of(["builtins.ValueError"], ["/app/x.py:1 f"])
