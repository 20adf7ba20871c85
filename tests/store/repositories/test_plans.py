"""The plans of statements: the cost does not grow with the number of codes."""

import itertools
import re

import pytest

from service.domain.model import State
from service.domain.redeeming import Order
from service.store.opening import code_moves_in
from service.usecases.redemptions import redeem, undo
from service.usecases.releases import release
from tests.store.repositories.adding import NOW, add


@pytest.mark.own_database  # PostgreSQL's statistics change its plans
class TestPlans:
    """The plans show that the cost does not grow: an index is searched, and nothing is sorted."""

    def test_a_reservation_searches_indexes_alone(self, store, plans):
        add(store, "AAAA", "BBBB")
        with plans() as steps:
            store.reserve("brand", "default", "user", NOW)
            store.find_reservation("brand", "default", "user", NOW)
        assert any("code_by_user" in step for step in steps)
        assert any("code_free" in step for step in steps)
        assert not costly(steps)

    def test_one_code_is_found_and_moved_by_its_key(self, store, database, plans, engine):
        add(store, "AAAA")
        with plans() as steps:
            store.require_campaign("brand", "default")
            code_moves_in(database).find_code("brand", "AAAA")
            store.reserve("brand", "default", "u", NOW)
            redeem(code_moves_in(database), "brand", "AAAA", Order("o", "u"), clock=lambda: NOW)
            undo(code_moves_in(database), "brand", "AAAA", "o", lambda: NOW)
            release(code_moves_in(database), "brand", "default", "u", clock=lambda: NOW)
        by_key = {"sqlite": "(brand_id=? AND code=?)", "postgresql": "code_brand_id_code_key"}
        assert any(by_key[engine] in step for step in steps)
        assert not costly(steps)

    def test_a_page_of_codes_is_a_range_of_one_index(self, store, plans, engine):
        add(store, "AAAA", "MMMM")
        for state, after in itertools.product([None, *State], [None, "MMMM"]):
            with plans() as steps:
                store.codes("brand", "default", state, after, 100, NOW)
            self.is_range_of_one_index(steps, engine, state, after)

    def is_range_of_one_index(self, steps, engine, state, after):
        # With one campaign in the brand, the brand's key is as good as the campaign's.
        both = "(code_pkey|code_brand_id_code_key)"
        key = {"sqlite": "code_of_campaign", "postgresql": both}[engine]
        index = {None: key, State.AVAILABLE: "code_free"}.get(state, "code_taken")
        used = [step for step in steps if re.search(rf"{index}\b", step)]
        assert used
        assert not costly(steps)
        if after and engine == "sqlite":  # it begins there, and skips nothing
            assert any("rowid>?" in step for step in used)


def costly(steps):
    """Return the steps that look at every row, or sort."""
    return [step for step in steps if re.search(r"^SCAN|TEMP B-TREE|Seq Scan|Sort", step)]
