"""Every kind of damage that `discount verify` finds, done by hand to a sound database.

The database has two brands, `b1` with campaigns `default` and `summer`, and four codes in each
`default`, of which two users hold one each. Constraints are switched off or taken away where
they are in the way. Most damage is done and found in the same way on both engines; what is not
stands in a table of the engine's own.
"""

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
_ON_BOTH = {
    "a user holds two codes, the index is gone": Damage(
        "DROP INDEX code_by_user;" + SECOND_CODE,
        {"keys", "one-code-per-user"},
        "code without unique index code_by_user",
    ),
    "a state that there is not": Damage(
        f"UPDATE code SET state = 'lost' {FREE};",
        {"integrity", "state-known", "tally-true"},
        f"state-known: {POOL} (1)",
    ),
    "somebody's code is available": Damage(
        f"UPDATE code SET state = 'available' {HELD};"
        + MOVE_TALLY.format("available = 3, reserved = 1"),
        {"integrity", "available-free"},
        POOL,
    ),
    "nobody's code is reserved": Damage(
        f"UPDATE code SET user_id = NULL, reserved_at = NULL {HELD};",
        {"integrity", "reserved-held"},
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


def without_rules(table):
    """Remove every key and constraint of a table."""
    return f"""
        CREATE TABLE loose AS SELECT * FROM {table};
        DROP TABLE {table};
        ALTER TABLE loose RENAME TO {table};
    """


def index_of_users(before, after):
    """Corrupt the predicate of the index of users in the catalogue."""
    return f"""
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, '{before}', '{after}')
        WHERE name = 'code_by_user';
        PRAGMA writable_schema = RESET;
    """


_ON_SQLITE = {
    "two users hold one code": Damage(
        without_rules("code") + SECOND_HOLDER, {"keys", "one-holder", "code-once"}, POOL
    ),
    "a user holds two codes, the index does not know": Damage(
        index_of_users("user_id IS NOT NULL", "user_id = 0")
        + SECOND_CODE
        + index_of_users("user_id = 0", "user_id IS NOT NULL"),
        {"integrity", "one-code-per-user"},
        POOL,
    ),
    "a tally without a campaign": Damage(
        "INSERT INTO tally (brand_id, campaign_id) VALUES (1, 9);",
        {"references", "tally-campaign"},
        f"{BRAND} campaign 9 without a row",
    ),
    "two brands of one name": Damage(
        without_rules("brand") + "INSERT INTO brand (id, name, created_at) VALUES (3, 'b1', 1);",
        {"keys", "references", "brand-once"},
        BRAND,
    ),
    "two campaigns of one name": Damage(
        without_rules("campaign") + "UPDATE campaign SET name = 'default';",
        {"keys", "references", "campaign-once"},
        POOL,
    ),
    "a brand's name with a line break": Damage(
        "UPDATE brand SET name = 'a' || char(10) WHERE id = 1;", {"brand-name"}, r"brand 'a\n' (1)"
    ),
    "a campaign's name that is no UTF-8": Damage(
        "UPDATE campaign SET name = CAST(x'61ff' AS TEXT) WHERE id = 2;",
        {"campaign-name"},
        r"campaign 'a\udcff' (1)",
    ),
    "a code of another form": Damage(
        f"UPDATE code SET code = 'SECRET' || char(10) {FREE};", {"code-form"}, POOL
    ),
    "a code that is no text": Damage(
        f"UPDATE code SET code = x'53454352455431' {FREE};", {"code-form"}, POOL
    ),
    "a code of no time": Damage(
        f"UPDATE code SET created_at = 'yesterday' {FREE};", {"code-time"}, POOL
    ),
    "a code is there twice": Damage(
        without_rules("code")
        + f"INSERT INTO code SELECT * FROM code {FREE};"
        + MOVE_TALLY.format("available = 3"),
        {"keys", "code-once"},
        f"{POOL} (1)",
    ),
}


def while_no_index_knows(index, sql):
    """Change a table without its index."""
    ready = (
        "UPDATE pg_index SET indisready = {0}, indisvalid = {0} WHERE indexrelid = '{1}'::regclass;"
    )
    return ready.format("false", index) + "COMMIT;" + sql + ready.format("true", index)


_ON_POSTGRESQL = {
    "two users hold one code": Damage(
        "ALTER TABLE code DROP CONSTRAINT code_brand_id_code_key;" + SECOND_HOLDER,
        {"keys", "one-holder", "code-once"},
        POOL,
    ),
    "a user holds two codes, the index does not know": Damage(
        "DROP EXTENSION IF EXISTS amcheck;"  # it would notice
        + while_no_index_knows("code_by_user", SECOND_CODE),
        {"one-code-per-user"},
        POOL,
    ),
    "a code is there twice": Damage(
        "ALTER TABLE code DROP CONSTRAINT code_brand_id_code_key, DROP CONSTRAINT code_pkey;"
        f"INSERT INTO code SELECT * FROM code {FREE};" + MOVE_TALLY.format("available = 3"),
        {"keys", "code-once"},
        f"{POOL} (1)",
    ),
    "a tally without a campaign": Damage(
        "INSERT INTO tally (brand_id, campaign_id) VALUES (1, 9);",
        {"tally-campaign"},
        f"{BRAND} campaign 9 without a row",
    ),
    "two brands of one name": Damage(
        "ALTER TABLE brand DROP CONSTRAINT brand_name_key;"
        "INSERT INTO brand (id, name, created_at) VALUES (3, 'b1', 1);",
        {"keys", "brand-once"},
        BRAND,
    ),
    "two campaigns of one name": Damage(
        "ALTER TABLE campaign DROP CONSTRAINT campaign_brand_id_name_key;"
        "UPDATE campaign SET name = 'default';",
        {"keys", "campaign-once"},
        POOL,
    ),
    "a brand's name with a line break": Damage(
        "UPDATE brand SET name = 'a' || chr(10) WHERE id = 1;", {"brand-name"}, r"brand 'a\n' (1)"
    ),
    "a code of another form": Damage(
        f"UPDATE code SET code = 'SECRET' || chr(10) {FREE};", {"code-form"}, POOL
    ),
    "an index of other rows": Damage(
        "DROP INDEX code_free;"
        "CREATE INDEX code_free ON code (brand_id, campaign_id, code) WHERE state = 'reserved';",
        {"keys"},
        "code without index code_free",
    ),
    "an index that was not finished": Damage(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'code_free'::regclass;",
        {"integrity"},
        "invalid index code_free",
    ),
    "a rule that was not checked": Damage(
        "ALTER TABLE brand ADD CONSTRAINT brand_known CHECK (name <> 'b1') NOT VALID;",
        {"integrity"},
        "rule that was not checked brand_known",
    ),
    "an index that amcheck complains of": Damage(  # a stand-in: not every server has the real one
        """
        DROP EXTENSION IF EXISTS amcheck;
        CREATE FUNCTION bt_index_check(index regclass, heapallindexed boolean)
        RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            IF index = 'code_by_user'::regclass THEN RAISE 'lacks a tuple'; END IF;
        END $$;
        """,
        {"integrity"},
        "index code_by_user: P0001 lacks a tuple (1)",
    ),
    "references that nobody minds": Damage(
        "ALTER TABLE campaign DISABLE TRIGGER ALL;",
        {"integrity"},
        "trigger of a rule that is off campaign_brand_id_fkey",
    ),
}
DAMAGES = {"sqlite": _ON_BOTH | _ON_SQLITE, "postgresql": _ON_BOTH | _ON_POSTGRESQL}
