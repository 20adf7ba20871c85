"""The campaigns of a scrape: one that is nearly empty is never left out."""

import itertools

import pytest
from sqlalchemy import text

from service.domain.errors import NoCodesLeft
from service.store.repositories.levels import MOVING_MS, PoolLevels
from service.usecases.keys import PoolKey
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite

NOW = 1_800_000_000_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
OLD = NOW - 2 * DAY


@pytest.fixture
def stock(database):
    """Create or change campaigns: by name, the numbers of free and taken codes, and the time."""
    keys: dict[str, PoolKey] = {}
    numbers = itertools.count(1)

    def put(levels):
        with database.transaction() as connection:
            for name, (free, taken, at) in levels.items():
                if name not in keys:
                    keys[name] = PoolKey(next(numbers), 1)
                    connection.execute(
                        text("INSERT INTO brand (id, name, created_at) VALUES (:id, :name, 5)"),
                        {"id": keys[name].brand_id, "name": name},
                    )
                    connection.execute(
                        text(
                            "INSERT INTO campaign (brand_id, id, name, created_at) "
                            "VALUES (:brand_id, :campaign_id, 'c', 5)"
                        ),
                        keys[name]._asdict(),
                    )
                connection.execute(
                    text("DELETE FROM tally WHERE brand_id = :brand_id"), keys[name]._asdict()
                )
                connection.execute(
                    text(
                        "INSERT INTO tally (brand_id, campaign_id, available, reserved, touched_at)"
                        " VALUES (:brand_id, :campaign_id, :free, :taken, :at)"
                    ),
                    {**keys[name]._asdict(), "free": free, "taken": taken, "at": at},
                )

    return put


@pytest.fixture
def look(database):
    """Observe repeatedly, as a process does, and return the brands shown."""

    def looker(most):
        levels = PoolLevels(most)

        def names(now=NOW):
            with database.read() as connection:
                return [level.brand for level in levels.observe(connection, now).shown]

        return names

    return looker


def test_all_are_shown_where_there_is_room_and_the_sums_are_of_all(database, stock):
    stock({"a": (3, 7, NOW), "b": (0, 5, OLD)})
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO brand (id, name, created_at) VALUES (9, 'new', 5)"))
        connection.execute(
            text("INSERT INTO campaign (brand_id, id, name, created_at) VALUES (9, 1, 'c', 5)")
        )
    with database.read() as connection:
        levels = PoolLevels(3).observe(connection, NOW)
    assert {("a", "c", 3, 7), ("b", "c", 0, 5), ("new", "c", 0, 0)} == set(levels.shown)
    assert (3, 3, 12, 0) == (levels.pools, levels.available, levels.taken, levels.left_out)


def test_the_sums_are_of_those_too_that_are_left_out(database, stock):
    stock({f"b{number}": (number, 1, NOW) for number in range(1, 11)})
    with database.read() as connection:
        levels = PoolLevels(4).observe(connection, NOW)
    assert ["b1", "b2", "b3", "b4"] == [level.brand for level in levels.shown]
    assert (10, 6, 55, 10) == (levels.pools, levels.left_out, levels.available, levels.taken)


def test_many_rows_of_a_campaign_are_one_level(database, stock, engine):
    """On PostgreSQL, each claim adds a row to the tally."""
    stock({"a": (3, 7, OLD)})
    if engine == "postgresql":
        with database.transaction() as connection:
            connection.execute(
                text(
                    "INSERT INTO tally (brand_id, campaign_id, available, reserved, touched_at)"
                    " VALUES (1, 1, -1, 1, :at)"
                ),
                {"at": NOW},
            )
    with database.read() as connection:
        ((_, _, free, taken),) = PoolLevels(3).observe(connection, NOW).shown
    assert ((2, 8) if engine == "postgresql" else (3, 7)) == (free, taken)


@on_sqlite
def test_those_that_move_come_before_those_that_lie_still_and_finished_ones_last(stock, look):
    stock(
        {
            "finished": (0, 9, OLD),
            "idle": (1, 0, OLD),
            "busy": (50, 9, NOW - DAY + MINUTE),
            "low": (2, 9, NOW),
        }
    )
    assert ["low", "busy"] == look(2)()
    assert ["low", "busy", "idle"] == look(3)()
    assert ["low", "busy", "idle", "finished"] == look(4)()


@on_sqlite
def test_thousands_that_became_empty_today_do_not_hide_one_that_will(stock, look):
    stock({f"gone{number}": (0, 1, NOW) for number in range(50)})
    stock({"dry": (5, 1, NOW - DAY + MINUTE)})
    assert "dry" in look(8)()


@on_sqlite
def test_thousands_with_few_codes_do_not_hide_one_that_has_become_empty(stock, look):
    stock({f"few{number}": (1, 1, NOW) for number in range(50)})
    stock({"dry": (0, 100, NOW)})
    assert "dry" in look(8)()


@on_sqlite
def test_one_that_is_shown_stays_when_it_becomes_empty_however_few_are_shown(stock, look):
    stock({f"few{number}": (9, 1, NOW) for number in range(50)} | {"dry": (1, 1, NOW)})
    names = look(2)
    assert "dry" in names()
    stock({"dry": (0, 2, NOW)})
    assert "dry" in names(NOW + MINUTE)
    assert "dry" in names(NOW + DAY - MINUTE)
    assert "dry" not in names(NOW + DAY + MINUTE)


@on_sqlite
def test_one_that_has_just_become_empty_is_shown_though_another_stays(stock, look):
    """The campaign may have had too many codes to be shown, and lose them between two scrapes."""
    stock({f"few{number}": (2, 1, NOW) for number in range(50)} | {"first": (1, 1, NOW)})
    names = look(5)
    assert "first" in names()
    stock({"first": (0, 2, NOW)})
    assert "first" in names()
    stock({"second": (0, 500, NOW + MINUTE)})
    assert {"first", "second"} < set(names(NOW + MINUTE))


@on_sqlite
def test_one_place_is_for_what_has_become_empty_last(stock, look):
    stock({"low": (1, 1, NOW), "before": (0, 1, NOW - MINUTE), "now": (0, 1, NOW)})
    assert ["now"] == look(1)()


@on_sqlite
def test_the_next_to_be_empty_is_shown_however_many_codes_it_has_left(stock, look):
    """The pool with the fewest codes is not the first to be empty."""
    few = {f"few{number}": (3, number, NOW) for number in range(50)}
    stock(few | {"fast": (100_000, 0, NOW)})
    names = look(8)
    assert "fast" not in names()
    for minute in range(1, 4):
        at = NOW + minute * MINUTE
        stock({"fast": (100_000 - minute * 20_000, minute * 20_000, at)})
        assert "fast" in names(at)
    assert "fast" not in names(at + MOVING_MS + MINUTE)


@pytest.fixture
def touched(database):
    """Return when the campaign last changed, or was found exhausted."""

    def read():
        with database.read() as connection:
            return connection.execute(text("SELECT max(touched_at) FROM tally")).scalar()

    return read


def test_an_exhausted_campaign_that_is_asked_is_noted_by_and_by(store, touched):
    add_codes(store, "brand", "default", 1, lambda _: ["AAAA"], 7)
    store.reserve("brand", "default", "user1", 9)
    with pytest.raises(NoCodesLeft):
        store.reserve("brand", "default", "user2", 11)
    assert 9 == touched()
    store.exhausted_pools.flush(12)
    assert 12 == touched()
    with pytest.raises(NoCodesLeft):
        store.reserve("brand", "default", "user2", 13)
    store.exhausted_pools.flush(14)  # which was noted just now
    assert 12 == touched()


def test_what_moves_a_campaign_is_noted_with_it(store, touched):
    add_codes(store, "brand", "default", 2, lambda _: ["AAAA", "BBBB"], 7)
    assert 7 == touched()
    store.reserve("brand", "default", "user1", 9)
    assert 9 == touched()
    store.reserve("brand", "default", "user1", 11)
    assert 9 == touched()
