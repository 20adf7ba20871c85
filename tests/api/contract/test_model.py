"""Random calls against the service and a model of the contract, which must agree on each answer.

`HYPOTHESIS_PROFILE=long` looks for longer.
"""

from dataclasses import replace
from functools import partial
from typing import Any
from unicodedata import normalize
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.api.contract.machine import Calls
from tests.support.engines import on_sqlite
from tests.support.examples import examples

EXAMPLES = 6
"""The number of examples where they are the same every time: each takes a second."""


def make_calls(app, url, **options):
    # Any factory would do, but the library's type hints require a class.
    machine: Any = partial(Calls, app, url)
    number = examples(EXAMPLES)
    run_state_machine_as_test(machine, settings=settings(max_examples=number, **options))


def test_the_service_and_the_model_agree(app, database_url):
    make_calls(app, database_url)


def gives_another_code(reserve, brand, campaign, user, *rest):
    return reserve(brand, campaign, f"{user}{uuid4()}", *rest)


def takes_look_alikes_for_one(reserve, brand, campaign, user, *rest):
    return reserve(brand, campaign, normalize("NFD", user), *rest)


def creates_a_code_too_few(write, *arguments, **options):
    codes, new = write(*arguments, **options)
    return [*codes[1:], codes[-1]], new


class Forgetful:
    """A transaction that stores no answers."""

    def __init__(self, tx):
        self._tx = tx

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def replay(self, _key):
        return None

    def remember(self, *_answer):
        pass


def creates_again(write, work, *arguments, **options):
    return write(lambda tx: work(Forgetful(tx)), *arguments, **options)


def misses_a_row(codes, brand, campaign, state, after, *rest):
    page = codes(brand, campaign, state, after, *rest)
    return replace(page, items=page.items[bool(after) :])


def repeats_a_row(codes, brand, campaign, state, after, *rest):
    return codes(brand, campaign, state, after and after[:-1], *rest)


def shows_every_brand(brands, among, after, limit):
    return brands(None, after, limit)


@on_sqlite  # it is the model that is tried
@pytest.mark.parametrize(
    ("method", "broken"),
    [
        ("reserve", gives_another_code),
        ("reserve", takes_look_alikes_for_one),
        ("write", creates_a_code_too_few),
        ("write", creates_again),
        ("codes", misses_a_row),
        ("codes", repeats_a_row),
        ("brands", shows_every_brand),
    ],
)
def test_a_store_that_breaks_a_promise_is_found_out(
    app, store, database_url, monkeypatch, method, broken
):
    """Without this, the model would prove nothing."""
    monkeypatch.setattr(store, method, partial(broken, getattr(store, method)))
    with pytest.raises(AssertionError):
        make_calls(app, database_url, phases=[Phase.generate])  # finding it is enough
