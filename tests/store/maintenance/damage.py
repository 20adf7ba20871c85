"""A damage of a sound database, and the statements that several have in common."""

from typing import NamedTuple

BRAND, POOL, SUMMER = "brand 'b1'", "brand 'b1' campaign 'default'", "brand 'b1' campaign 'summer'"

MOVE_TALLY = "UPDATE tally SET {} WHERE brand_id = 1 AND campaign_id = 1;"

SECOND_HOLDER = """
    INSERT INTO code (brand_id, campaign_id, code, state, user_id, created_at, reserved_at)
    SELECT brand_id, 2, code, state, 'secret-user-9', created_at, reserved_at
    FROM code WHERE brand_id = 1 AND user_id = 'secret-user-1';
    UPDATE tally SET reserved = 1 WHERE campaign_id = 2;
"""

SECOND_CODE = """
    UPDATE code SET state = 'reserved', user_id = 'secret-user-1', reserved_at = created_at
    WHERE brand_id = 1 AND code = 'SECRET-b1-3';
""" + MOVE_TALLY.format("available = 1, reserved = 3")

JOB = """
    INSERT INTO job (brand_id, id, kind, parameters, requested_by, created_at, failed,
        leased_until, campaign_id, state, total, done, finished_at)
    VALUES (1, 'secret-job', 'generate', '{{}}', 'secret-caller', 1, 0, 0, {}, {}, {});
"""

LIST = """
    INSERT INTO import_file (brand_id, id, created_at, job_brand_id, job_id)
    VALUES (1, 'secret-file', 1, {});
"""


def answered(answer, *, kind="NULL", brand=1, key="k", at=1):
    """Return the statement that inserts an answer to a request with an Idempotency-Key."""
    return f"""
        INSERT INTO idempotency (brand_id, key, content, answer, created_at, kind)
        VALUES ({brand}, '{key}', 'c', '{answer}', {at}, {kind});
    """


class Damage(NamedTuple):
    """A damage, the only checks that must find it, and what they must name."""

    sql: str
    found: set[str]
    named: str


FREE = "WHERE brand_id = 1 AND code = 'SECRET-b1-3'"
HELD = "WHERE brand_id = 1 AND user_id = 'secret-user-1'"
