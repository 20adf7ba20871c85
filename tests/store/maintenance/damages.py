"""Every kind of damage that `discount verify` finds, done by hand to a sound database.

The database has two brands, `b1` with campaigns `default` and `summer`, and four codes in each
`default`, of which two users hold one each. Constraints are switched off or taken away where
they are in the way. Most damage is done and found in the same way on both engines; what is not
stands in a table of the engine's own.
"""

from tests.store.maintenance.damage import (
    BRAND,
    FREE,
    HELD,
    JOB,
    LIST,
    MOVE_TALLY,
    POOL,
    SECOND_CODE,
    SUMMER,
    Damage,
    answered,
)
from tests.store.maintenance.damages_of_engines import _ON_POSTGRESQL, _ON_SQLITE
from tests.store.maintenance.damages_of_life import _ON_BOTH as _OF_LIVES

_ON_BOTH = {
    "a user holds two codes, the index is gone": Damage(
        "DROP INDEX code_by_user;" + SECOND_CODE,
        {"keys", "one-code-per-user"},
        "code without unique index code_by_user",
    ),
    "a state that there is not": Damage(
        f"UPDATE code SET state = 'lost' {FREE};",
        {"integrity", "state-known", "state-stored", "tally-true"},
        f"state-known: {POOL} (1)",
    ),
    "somebody's code is available": Damage(
        f"UPDATE code SET state = 'available' {HELD};"
        + MOVE_TALLY.format("available = 3, reserved = 1"),
        {"integrity", "available-free", "state-stored"},
        POOL,
    ),
    "nobody's code is reserved": Damage(
        f"UPDATE code SET user_id = NULL, reserved_at = NULL {HELD};",
        {"integrity", "reserved-held", "state-stored"},
        POOL,
    ),
    "a code is held since never": Damage(
        f"UPDATE code SET reserved_at = NULL {HELD};", {"integrity", "held-since"}, POOL
    ),
    "a code without a campaign": Damage(
        f"UPDATE code SET campaign_id = 7 {FREE};",
        {"references", "code-campaign", "tally-true"},
        f"{BRAND} campaign 7 without a row (1)",
    ),
    "a campaign without a brand": Damage(
        """
        INSERT INTO campaign (brand_id, id, name, created_at) VALUES (99, 1, 'default', 1);
        INSERT INTO tally (brand_id, campaign_id) VALUES (99, 1);
        """,
        {"references", "campaign-brand"},
        "brand 99 without a row campaign 'default'",
    ),
    "a campaign without a tally": Damage(
        "DELETE FROM tally WHERE campaign_id = 2;", {"campaign-tally"}, SUMMER
    ),
    "a tally that counts wrongly": Damage(
        MOVE_TALLY.format("available = available + 1"), {"tally-true"}, POOL
    ),
    "a user id of another form": Damage(
        f"UPDATE code SET user_id = 'secret/user' {HELD};", {"user-form"}, POOL
    ),
    "a brand of no time": Damage(
        "UPDATE brand SET created_at = 0 WHERE id = 1;", {"brand-time"}, BRAND
    ),
    "a brand without the key of its codes' ids": Damage(
        "UPDATE brand SET code_key = '' WHERE id = 1;", {"brand-key"}, BRAND
    ),
    "a campaign of no time": Damage(
        "UPDATE campaign SET created_at = -1 WHERE id = 2;", {"campaign-time"}, SUMMER
    ),
    "a code reserved before it was made": Damage(
        f"UPDATE code SET reserved_at = created_at - 60001 {HELD};", {"reserved-time"}, POOL
    ),
    "a job of no campaign": Damage(
        JOB.format("9, 'succeeded'", "10, 10", 1),
        {"references", "job-campaign"},
        f"{BRAND} campaign 9 without a row",
    ),
    "a job that says too early that it is done": Damage(
        JOB.format("1, 'succeeded'", "10, 9", 1), {"job-true"}, POOL
    ),
    "a job that counts too much": Damage(
        JOB.format("1, 'running'", "10, 11", "NULL"), {"integrity", "job-true"}, POOL
    ),
    "a job in a state that there is not": Damage(
        JOB.format("1, 'lost'", "10, 1", 1), {"integrity", "job-true"}, POOL
    ),
    "an import that says too early that it is done": Damage(
        JOB.format("1, 'succeeded'", "10, 9", 1).replace("'generate'", "'import'"),
        {"job-true"},
        POOL,
    ),
    "an import without its list": Damage(
        JOB.format("1, 'running'", "10, 9", "NULL").replace("'generate'", "'import'"),
        {"import-list"},
        POOL,
    ),
    "a list of codes to disable is gone": Damage(
        JOB.format("1, 'running'", "10, 9", "NULL")
        .replace("'generate'", "'disable'")
        .replace("'{}'", """'{"file": "secret"}'"""),
        {"import-list"},
        POOL,
    ),
    "a list of a job that there is not": Damage(
        LIST.format("1, 'secret-job'"), {"import-file"}, f"{BRAND} (1)"
    ),
    "a block of no list": Damage(
        "INSERT INTO import_block VALUES (1, 'secret-file', 1, 'secret');",
        {"import-block"},
        f"{BRAND} (1)",
    ),
    "a run of no list": Damage(
        "INSERT INTO import_run VALUES (1, 'secret-file', 1, 1, 'secret');",
        {"import-run"},
        f"{BRAND} (1)",
    ),
    "a code to be stored, of no list": Damage(
        "INSERT INTO import_row VALUES (1, 'SECRET-9', 'secret-file', 1);",
        {"import-row"},
        f"{BRAND} (1)",
    ),
    "a code to be stored, of another form": Damage(
        LIST.format("NULL, NULL")
        + "INSERT INTO import_row VALUES (1, 'SECRET_9', 'secret-file', 1);",
        {"import-form"},
        f"{BRAND} (1)",
    ),
    "a refused line of no job": Damage(
        "INSERT INTO import_refusal VALUES (1, 'secret-job', 1, 'length');",
        {"import-refusal"},
        f"{BRAND} (1)",
    ),
    "tables of another revision": Damage(
        "UPDATE alembic_version SET version_num = '0000';", {"revision"}, "at revision 0000, wanted"
    ),
    "an index is gone": Damage("DROP INDEX code_free;", {"keys"}, "code without index code_free"),
    "a table is gone": Damage(
        "DROP TABLE tally;",
        {"keys", "campaign-tally", "tally-campaign", "tally-true"},
        "tally-true: cannot be checked: ",
    ),
    "a repeat would be answered a code that there is not": Damage(
        answered('["SECRET-b1-1", "SECRET-b1-9"]'), {"answered"}, f"{BRAND} (1)"
    ),
    "a repeat would be answered another brand's code": Damage(
        answered('["SECRET-b2-1"]'), {"answered"}, f"{BRAND} (1)"
    ),
    "a repeat would be answered what is no list": Damage(
        answered('["SECRET-b1-1"'), {"answer-form"}, f"{BRAND} (1)"
    ),
    "a repeat would be answered no text": Damage(answered("[1]"), {"answer-form"}, f"{BRAND} (1)"),
    "a repeat would be answered nothing": Damage(answered("[]"), {"answer-form"}, f"{BRAND} (1)"),
    "a repeat would be answered something of no kind": Damage(
        answered('["SECRET-b1-1"]', kind="'lost'"), {"answer-form"}, f"{BRAND} (1)"
    ),
    "a repeat would be answered two jobs": Damage(
        JOB.format("1, 'succeeded'", "10, 10", 1)
        + JOB.format("1, 'succeeded'", "10, 10", 1).replace("secret-job", "secret-other")
        + answered('["secret-job", "secret-other"]', kind="'job'"),
        {"answer-form"},
        f"{BRAND} (1)",
    ),
    "a repeat would be answered a job that there is not": Damage(
        answered('["secret-job"]', kind="'job'"), {"answered-job"}, f"{BRAND} (1)"
    ),
    "a repeat would be answered another brand's job": Damage(
        JOB.format("1, 'succeeded'", "10, 10", 1)
        + answered('["secret-job"]', kind="'job'", brand=2),
        {"answered-job"},
        "brand 'b2' (1)",
    ),
    "a repeat would be answered a code as a job": Damage(
        answered('["SECRET-b1-1"]', kind="'job'"), {"answered-job"}, f"{BRAND} (1)"
    ),
    "a repeat would be answered a job as a code": Damage(
        JOB.format("1, 'succeeded'", "10, 10", 1) + answered('["secret-job"]', kind="'codes'"),
        {"answered"},
        f"{BRAND} (1)",
    ),
    "one code was answered twice at once": Damage(
        answered('["SECRET-b1-1", "SECRET-b1-1"]', kind="'codes'"),
        {"answered-once"},
        f"{BRAND} (1)",
    ),
    "one code was answered to two": Damage(
        answered('["SECRET-b1-1"]', kind="'codes'")
        + answered('["SECRET-b1-1"]', kind="'codes'", key="k2"),
        {"answered-once"},
        f"{BRAND} (1)",
    ),
    "an answer of no brand": Damage(
        answered('["SECRET-b1-1"]', kind="'codes'", brand=9),
        {"references", "answered", "answer-brand"},
        "brand 9 without a row (1)",
    ),
    "an answer of no time": Damage(
        answered('["SECRET-b1-1"]', at=0), {"answer-time"}, f"{BRAND} (1)"
    ),
    "codes of a campaign without a tally": Damage(
        "DELETE FROM tally WHERE brand_id = 1 AND campaign_id = 1;", {"campaign-tally"}, POOL
    ),
    "a brand of no legal name": Damage(
        "UPDATE brand SET name = 'a/b' WHERE id = 1;", {"brand-name"}, "brand 'a/b' (1)"
    ),
    "a campaign of no legal name": Damage(
        "UPDATE campaign SET name = ' c' WHERE id = 2;", {"campaign-name"}, "campaign ' c' (1)"
    ),
    "a code that is too long": Damage(
        f"UPDATE code SET code = '{'S' * 65}' {FREE};", {"code-form"}, POOL
    ),
    "a code made before time began": Damage(
        f"UPDATE code SET created_at = -1 {FREE};", {"code-time"}, POOL
    ),
}

_ALIKE = _ON_BOTH | _OF_LIVES
DAMAGES = {"sqlite": _ALIKE | _ON_SQLITE, "postgresql": _ALIKE | _ON_POSTGRESQL}
