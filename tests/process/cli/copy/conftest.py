"""Fixtures of copies: a file in use, and a new PostgreSQL database."""

import shutil

import pytest

from service.app import create_app, services_of
from service.container.services import build
from service.domain.model import State
from service.settings import Settings
from tests.process.cli.copy.copies import BRANDS, USERS, Answers, by_hand, key_for
from tests.support.postgresql import fresh_database, migrated
from tests.support.running import environment
from tests.support.tables import make_tables
from tests.support.tokens import SECRET

BY_HAND = """
    UPDATE code SET state = 'redeemed', redeemed_at = reserved_at, expires_at = 9, version = 2
    WHERE user_id = 'user1';
    INSERT INTO redemption (brand_id, code, reference, user_id, redeemed_at)
    SELECT brand_id, code, 'order-17', user_id, redeemed_at FROM code WHERE user_id = 'user1';
    INSERT INTO redemption (brand_id, code, reference, undone_at)
    SELECT brand_id, code, 'order-18', 5 FROM code WHERE user_id = 'user1';
    UPDATE code SET state = 'expired', expires_at = 9 WHERE user_id = '\\N';
    UPDATE code SET hold_reference = 'order-19', held_from = 5, held_until = 6,
        expires_at = 4102444800000, on_lapse = 'recycle' WHERE state = 'reserved' AND brand_id = 2;
    UPDATE code SET state = 'disabled', disabled_at = 7, disabled_by = 'call'
    WHERE brand_id = 3 AND state = 'available';
    INSERT INTO campaign (brand_id, id, name, created_at, discount, claims_from, starts_at, ends_at,
        reservation_ttl_s, on_lapse, on_release, redeem_by, code_format, low_at, reserved_events,
        paused, archived, metadata, version)
    VALUES (1, 2, 'summer', 1, '{"type": "percent", "value": "15"}', 1, 2, 3, 60, 'recycle',
        'recycle', 'holder', '{"pattern": "SUMMER-####"}', '[5]', 1, 1, 1, '{"a": 1}', 3);
    INSERT INTO tally (brand_id, campaign_id) VALUES (1, 2);
    INSERT INTO job (brand_id, id, campaign_id, kind, state, parameters, requested_by, total, done,
        failed, created_at, finished_at, leased_until)
    VALUES (1, 'j', 1, 'generate', 'succeeded', '{}', 'caller', 10, 10, 0, 1, 2, 0);
    INSERT INTO import_file (brand_id, id, created_at, job_brand_id, job_id)
    VALUES (1, 'f', 1, 1, 'j');
    INSERT INTO import_block (brand_id, file, number, content) VALUES (1, 'f', 0, x'00ff0a');
    INSERT INTO import_run (brand_id, file, run, part, content) VALUES (1, 'f', 0, 0, 'AAAA 1');
    INSERT INTO import_row (brand_id, code, file, line) VALUES (1, 'AAAA', 'f', 1);
    INSERT INTO import_refusal (brand_id, job_id, line, reason) VALUES (1, 'j', 2, 'bad-form');
    DELETE FROM tally;
    INSERT INTO tally (brand_id, campaign_id, STATES) SELECT campaign.brand_id, id, COUNTED
    FROM campaign LEFT JOIN code ON code.brand_id = campaign.brand_id AND campaign_id = id
    GROUP BY campaign.brand_id, id;
""".replace("STATES", ", ".join(State)).replace(
    "COUNTED", ", ".join(f"coalesce(sum(state = '{state}'), 0)" for state in State)
)
"""States that no call sets yet."""


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A file with every state, recently in use, and the answers to callers."""
    file = tmp_path_factory.mktemp("used") / "discount.db"
    env = environment(file.parent)
    make_tables(env)
    url = env["DISCOUNT_DATABASE_URL"]
    app = create_app(build(Settings(database_url=url, jwt_secret=SECRET)))
    answers = Answers(app)
    created = {brand: answers.create(brand, key_for(brand))[0] for brand in BRANDS}
    held = {(brand, user): answers.fetch(brand, user) for brand in BRANDS for user in USERS}
    services_of(app).storage.store.close()
    by_hand(url, BY_HAND)
    return file, created, held


@pytest.fixture
def source(used, tmp_path):
    """A copy of the file for one test."""
    file, created, held = used
    shutil.copyfile(file, tmp_path / "discount.db")
    return f"sqlite:///{tmp_path}/discount.db", created, held


@pytest.fixture
def settings():
    return Settings(jwt_secret=SECRET)


@pytest.fixture
def target():
    with fresh_database() as url:
        yield url


@pytest.fixture(params=["no tables", "empty tables"])
def template(request):
    """The structure of a target."""
    return "template0" if request.param == "no tables" else migrated()
