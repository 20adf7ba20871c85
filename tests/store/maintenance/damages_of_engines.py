"""Damages that are done differently on each engine."""

from tests.store.maintenance.damage import (
    BRAND,
    FREE,
    MOVE_TALLY,
    POOL,
    SECOND_CODE,
    SECOND_HOLDER,
    Damage,
)


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
        {"keys", "references", "brand-once", "brand-key"},
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
