"""Migrations may run under load: none locks a table for long, or breaks the previous version.

The rules are Squawk's: https://squawkhq.com/docs/rules
"""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from service.store.migrations.revisions import MIGRATIONS

SQUAWK = Path(sys.executable).parent / "squawk"
# Ids of brands and campaigns, and probes, are small on purpose: they are in every index.
EXCEPTIONS = ("prefer-bigint-over-int",)
# The table of brands is small, so that it can be written anew. The indexes of codes can be built
# beforehand without a lock: docs/runbooks/migration-missing.md says how, and the step takes them.
EXCEPTIONS_OF = {
    "0012": ("adding-field-with-default",),
    "0013": (
        "require-concurrent-index-creation",
        "require-concurrent-index-deletion",
        "renaming-object",  # nobody names an index of PostgreSQL
    ),
}
LIKE_THE_SERVICE = "SET lock_timeout = '2s'; SET statement_timeout = 0;\n"
REVISIONS = {
    revision.revision: revision
    for revision in reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions()))
}


def complaints(sql, number=None):
    """Return Squawk's findings about a migration in a transaction."""
    command = [str(SQUAWK), "--assume-in-transaction", "--pg-version", "14", "--reporter", "gcc"]
    command += [f"--exclude={rule}" for rule in (*EXCEPTIONS, *EXCEPTIONS_OF.get(number, ()))]
    done = subprocess.run(
        command, input=LIKE_THE_SERVICE + sql, capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr) if done.returncode else ""


@pytest.mark.parametrize("number", REVISIONS)
def test_a_migration_harms_nobody_at_work(number):
    script = io.StringIO()
    options = {"as_sql": True, "output_buffer": script}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context):
        REVISIONS[number].module.upgrade()
    assert not complaints(script.getvalue(), number)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX slow ON code (user_id);",
        "ALTER TABLE code DROP COLUMN state;",
        "ALTER TABLE code ADD COLUMN fresh integer NOT NULL;",
        "ALTER TABLE code RENAME COLUMN state TO status;",
    ],
)
def test_what_would_harm_is_found(sql):
    assert complaints(sql)
