"""The inspection of PostgreSQL, and the domain's rules in its SQL."""

from collections.abc import Iterator

from sqlalchemy import Connection, ForeignKeyConstraint, Select, exists, func, select, text
from sqlalchemy.exc import DBAPIError

from service.domain.codes import MAX_LENGTH, MIN_LENGTH
from service.domain.erasure import MARK
from service.domain.names import MAX_NAME, MAX_USER
from service.store.maintenance.structure import Breach, Inspection, integrity, references, tables_of
from service.store.postgresql.snapshot import snapshot
from service.store.repositories.stored_answers import ANSWER
from service.store.tables import belongs, metadata

_DAMAGE = ("21", "22", "23", "42", "XX")
"""Classes of SQLSTATE of damage: missing tables, invalid values, corrupt indexes."""
_NO_RIGHT = "42501"
# A text of a UTF-8 database holds no U+0000 and no surrogates, so no rule need name them.
_NAME = r"""(
    char_length({0}) <= {1} AND {0} ~ '^[^/\u0001-\u001F\u0080-\u009F]+$'
    AND left({0}, 1) <> ' ' AND right({0}, 1) <> ' ' AND {0} NOT IN ('.', '..')
)"""
_ANSWER = f"(answer ~ '^{ANSWER}$')"
RULES = {
    "tombstone": f"user_id ~ '^{MARK}[0-9a-f]{{8}}[.][0-9a-f]{{64}}$'",
    "legal_name": _NAME.format("name", MAX_NAME),
    "legal_code": f"""(
        char_length(code) BETWEEN {MIN_LENGTH} AND {MAX_LENGTH}
        AND code ~ '^[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]$'
    )""",
    "legal_user": _NAME.format("user_id", MAX_USER),
    "legal_reference": _NAME.format("reference", MAX_USER),
    "legal_answer": _ANSWER,
    "answered": f"""
        SELECT brand_id, kind, json_array_elements_text(
            CASE WHEN {_ANSWER} THEN CAST(answer AS JSON) ELSE '[]' END
        ) AS name FROM idempotency
    """,  # noqa: S608 - a constant
}
"""The engine's rules in the statements of the invariants."""

_OURS = "(SELECT oid FROM pg_class WHERE relname = ANY (:tables) AND pg_table_is_visible(oid))"
_UNSOUND = {
    "invalid index": """
        SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid IN {ours} AND NOT (indisvalid AND indisready AND indislive)
    """,
    "rule that was not checked": """
        SELECT conname FROM pg_constraint WHERE conrelid IN {ours} AND NOT convalidated
    """,
    "trigger of a rule that is off": """
        SELECT conname FROM pg_trigger JOIN pg_constraint ON pg_constraint.oid = tgconstraint
        WHERE tgrelid IN {ours} AND tgenabled NOT IN ('O', 'A')
    """,
}
"""Conditions under which a constraint has no effect."""

_AMCHECK = text("""
    SELECT format('%I.%I', nspname, proname)
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE proname = 'bt_index_check' AND pronargs = 2
        AND has_function_privilege(pg_proc.oid, 'EXECUTE')
""")
_INDEXES = text(f"""
    SELECT relname, pg_class.oid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid IN {_OURS} AND indisvalid ORDER BY relname
""")  # noqa: S608 - constants


def _unsound(connection: Connection) -> Iterator[Breach]:
    """Check the catalogue, and every index if the extension `amcheck` is available."""
    ours = {"tables": list(metadata.tables)}
    for meaning, sql in _UNSOUND.items():
        for (name,) in connection.execute(text(sql.format(ours=_OURS)), ours).all():
            yield f"{meaning} {name}", 1
    check = connection.execute(_AMCHECK).scalar()
    if check:
        for name, oid in connection.execute(_INDEXES, ours).all():
            try:
                with connection.begin_nested():
                    connection.execute(
                        text(f"SELECT {check}(CAST(:oid AS regclass), TRUE)"), {"oid": oid}
                    )
            except DBAPIError as error:
                yield f"index {name}: {error.orig}", 1


def _dangling(connection: Connection) -> Iterator[Breach]:
    for table in metadata.sorted_tables:
        for reference in table.foreign_key_constraints:
            if not belongs(reference, "postgresql"):
                continue
            count = connection.execute(_without_parent(reference)).scalar_one()
            if count:
                yield f"rows of {table} that refer to no {reference.referred_table}", count


def _without_parent(reference: ForeignKeyConstraint) -> Select[int]:
    """Return a statement that counts dangling references."""
    child = [element.parent for element in reference.elements]
    pairs = [element.parent == element.column for element in reference.elements]
    return (
        select(func.count())
        .select_from(reference.parent)
        .where(*(column.is_not(None) for column in child), ~exists().where(*pairs))
    )


def _is_damage(error: BaseException | None) -> bool:
    state = getattr(error, "sqlstate", None) or ""
    return state != _NO_RIGHT and state.startswith(_DAMAGE)


INSPECTION = Inspection(
    snapshot,
    (*tables_of("postgresql"), integrity(_unsound), references(_dangling)),
    RULES,
    _is_damage,
)
