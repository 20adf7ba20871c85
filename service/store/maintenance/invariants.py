"""Invariants of the data, checked independently of constraints and indexes.

Each invariant is a statement that finds violations: rows of a brand's id, a campaign's id or
NULL, and the number of violations. No row is named, because codes and users are secret.

An index may be damaged, so the tables themselves are read. For PostgreSQL, see its
`snapshot.py`. On SQLite, `|| ''` or `+ 0` prevents that a condition or a grouping uses an index,
and reading `created_at`, which no index has, prevents that an index replaces the table. (NOT
INDEXED is SQLite's alone, and does neither on a table WITHOUT ROWID.) A test checks the plans.

`{legal_name}` and its like are the domain's rules as each engine has them; `{answered}` is a table
of the names in stored answers: a brand's id, the kind of the answer, a code or the id of a job.
"""

from typing import NamedTuple

from service.domain.jobs import JobKind, JobState
from service.domain.model import AnswerKind, State
from service.domain.names import DEFAULT_CAMPAIGN
from service.store.imports.invariants import INVARIANTS as OF_IMPORTS
from service.store.maintenance.life_invariants import INVARIANTS as OF_LIVES
from service.store.maintenance.row_checks import CLOCK_SKEW, NO_MOMENT, rows
from service.store.tables.codes import HELD_STATES, STATES


class Invariant(NamedTuple):
    """An invariant, with the statement that finds violations."""

    name: str
    meaning: str
    sql: str


_TWINS = """
    SELECT brand_id, campaign_id, count(*) FROM (
        SELECT min(brand_id) AS brand_id, min(campaign_id) AS campaign_id FROM code
        WHERE {condition} GROUP BY brand_id + 0, {key} HAVING {twins}
    ) AS twin GROUP BY brand_id, campaign_id
"""
_TALLY = """
    SELECT brand_id, campaign_id, 1 FROM (
        SELECT brand_id, campaign_id, {sums} FROM tally GROUP BY brand_id, campaign_id
    ) AS told LEFT JOIN (
        SELECT min(brand_id) AS brand_id, min(campaign_id) AS campaign_id, {counts} FROM code
        GROUP BY brand_id + 0, campaign_id + 0
    ) AS counted USING (brand_id, campaign_id)
    WHERE {differences}
"""
_TALLY_OF_NOTHING = """
    SELECT brand_id, campaign_id, count(*) FROM tally WHERE NOT EXISTS (
        SELECT 1 FROM campaign
        WHERE campaign.brand_id = tally.brand_id AND campaign.id = tally.campaign_id
    ) GROUP BY brand_id, campaign_id
"""
_JOBS = "SELECT brand_id, id || '' FROM job WHERE coalesce(created_at, 0) IS NOT NULL"
# An answer without a kind is an older version's: names other than of jobs are codes.
_ANSWERED = f"""
    SELECT brand_id, NULL, count(*) FROM (
        SELECT brand_id, name FROM ({{answered}}) AS answered
        WHERE kind = '{AnswerKind.CODES}' OR kind IS NULL AND (brand_id, name) NOT IN ({_JOBS})
        EXCEPT SELECT brand_id, code FROM code WHERE coalesce(created_at, 0) IS NOT NULL
    ) AS unknown GROUP BY brand_id
"""  # noqa: S608 - constants
_ANSWERED_JOB = f"""
    SELECT brand_id + 0, NULL, count(*) FROM ({{answered}}) AS answered
    WHERE kind = '{AnswerKind.JOB}' AND (brand_id, name) NOT IN ({_JOBS}) GROUP BY 1
"""  # noqa: S608 - constants
_ANSWERED_TWICE = """
    SELECT brand_id, NULL, count(*) FROM (
        SELECT min(brand_id) AS brand_id FROM ({answered}) AS answered
        GROUP BY brand_id + 0, name HAVING count(*) > 1
    ) AS twice GROUP BY brand_id
"""
_ANSWER_KINDS = ", ".join(f"'{kind}'" for kind in AnswerKind)
_ANSWER_UNTRUE = f"""
    NOT {{legal_answer}} OR kind NOT IN ({_ANSWER_KINDS})
    OR kind = '{AnswerKind.JOB}' AND answer LIKE '%,%'
"""
_ANSWER_NO_BRAND = """length(content) IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM brand WHERE brand.id = idempotency.brand_id)"""

_NO_CAMPAIGN = """NOT EXISTS (
    SELECT 1 FROM campaign
    WHERE campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id
)"""
_NO_BRAND = "NOT EXISTS (SELECT 1 FROM brand WHERE brand.id = campaign.brand_id)"
# Older versions inserted the tally of a new brand's `default` with its first code.
_NO_TALLY = f"""
    SELECT campaign.brand_id, id, count(coalesce(created_at, 0)) FROM campaign LEFT JOIN (
        SELECT min(brand_id) AS brand_id, min(campaign_id) AS campaign_id,
            count(coalesce(created_at, 0)) AS codes
        FROM code GROUP BY brand_id + 0, campaign_id + 0
    ) AS counted ON counted.brand_id = campaign.brand_id AND campaign_id = id
    WHERE NOT EXISTS (
        SELECT 1 FROM tally
        WHERE tally.brand_id = campaign.brand_id AND tally.campaign_id = campaign.id
    ) AND (name || '' <> '{DEFAULT_CAMPAIGN}' OR codes > 0)
    GROUP BY 1, 2
"""  # noqa: S608 - constants
_SEVERAL = "count(coalesce(created_at, 0)) > 1"
_JOB_NO_CAMPAIGN = """NOT EXISTS (
    SELECT 1 FROM campaign
    WHERE campaign.brand_id = job.brand_id AND campaign.id = job.campaign_id
)"""
_JOB_STATES = ", ".join(f"'{state}'" for state in JobState)
_JOB_UNTRUE = f"""
    coalesce(state, '') NOT IN ({_JOB_STATES})
    OR (finished_at IS NULL) <> (state IN ('{JobState.QUEUED}', '{JobState.RUNNING}'))
    OR done < 0 OR failed < 0 OR done + failed > total
    OR (state = '{JobState.SUCCEEDED}' AND kind = '{JobKind.GENERATE}' AND done <> total)
    OR (state = '{JobState.SUCCEEDED}' AND done + failed <> total)
"""


def _twins(key: str, twins: str = _SEVERAL, condition: str = "TRUE") -> str:
    """Return a statement that finds duplicate codes."""
    return _TWINS.format(key=key, twins=twins, condition=condition)


def _tally() -> str:
    """Return a statement that finds campaigns whose tally differs from their codes."""
    sums = (f"sum({s}) AS {s}" for s in State)
    counts = (f"count(*) FILTER (WHERE state = '{s}') AS counted_{s}" for s in State)
    differences = (f"{s} IS DISTINCT FROM coalesce(counted_{s}, 0)" for s in State)
    return _TALLY.format(
        sums=", ".join(sums), counts=", ".join(counts), differences=" OR ".join(differences)
    )


INVARIANTS = (
    Invariant(
        "one-holder",
        "no code is held by two users",
        _twins("code || ''", "min(user_id || '') <> max(user_id || '')"),
    ),
    Invariant(
        "one-code-per-user",
        "no user holds two codes of a campaign",
        _twins("campaign_id + 0, user_id || ''", condition="user_id || '' IS NOT NULL"),
    ),
    Invariant("code-once", "each code exists once in its brand", _twins("code || ''")),
    Invariant(
        "state-known",
        "each code is in a known state",
        rows("code", f"coalesce(state, '') NOT IN ({STATES})"),
    ),
    Invariant(
        "available-free",
        "an available code belongs to nobody",
        rows(
            "code",
            "state || '' = 'available' AND (user_id IS NOT NULL OR reserved_at IS NOT NULL)",
        ),
    ),
    Invariant(
        "reserved-held",
        "a reserved or redeemed code belongs to a user",
        rows("code", f"state || '' IN ({HELD_STATES}) AND user_id IS NULL"),
    ),
    Invariant(
        "held-since",
        "a code has a time of reservation if, and only if, it has a user",
        rows("code", "(user_id IS NULL) <> (reserved_at IS NULL)"),
    ),
    Invariant("code-campaign", "the campaign of each code exists", rows("code", _NO_CAMPAIGN)),
    Invariant("campaign-brand", "the brand of each campaign exists", rows("campaign", _NO_BRAND)),
    Invariant("job-campaign", "the campaign of each job exists", rows("job", _JOB_NO_CAMPAIGN)),
    Invariant(
        "job-true",
        "no job counts more than its total, and succeeded jobs are complete",
        rows("job", _JOB_UNTRUE),
    ),
    Invariant("campaign-tally", "each campaign has a tally", _NO_TALLY),
    Invariant("tally-campaign", "the campaign of each tally exists", _TALLY_OF_NOTHING),
    Invariant("tally-true", "tallies equal the counted codes", _tally()),
    Invariant(
        "brand-once",
        "no two brands have the same name",
        f"SELECT min(id), NULL, 1 FROM brand GROUP BY name || '' HAVING {_SEVERAL}",  # noqa: S608
    ),
    Invariant(
        "campaign-once",
        "no two campaigns of a brand have the same name",
        "SELECT brand_id, min(id), 1 FROM campaign "  # noqa: S608 - constants
        f"GROUP BY brand_id, name || '' HAVING {_SEVERAL}",
    ),
    Invariant("brand-name", "brands have valid names", rows("brand", "NOT {legal_name}")),
    Invariant("campaign-name", "campaigns have valid names", rows("campaign", "NOT {legal_name}")),
    Invariant("code-form", "codes have a valid format", rows("code", "NOT {legal_code}")),
    Invariant(
        "user-form",
        "user ids, and the tombstones of erased users, have a valid format",
        rows("code", "user_id || '' IS NOT NULL AND NOT {legal_user} AND NOT ({tombstone})"),
    ),
    Invariant(
        "brand-time",
        "brands have a valid time of creation",
        rows("brand", NO_MOMENT.format("created_at")),
    ),
    Invariant(
        "brand-key",
        "brands have a key of 32 bytes for the ids of their codes",
        rows("brand", "coalesce(length(code_key), 0) <> 32"),
    ),
    Invariant(
        "campaign-time",
        "campaigns have a valid time of creation",
        rows("campaign", NO_MOMENT.format("created_at")),
    ),
    Invariant(
        "code-time",
        "codes have a valid time of creation",
        rows("code", NO_MOMENT.format("created_at")),
    ),
    Invariant(
        "reserved-time",
        "codes were reserved after their creation",
        rows(
            "code",
            f"reserved_at IS NOT NULL AND ({NO_MOMENT.format('reserved_at')}"
            f" OR reserved_at < created_at - {CLOCK_SKEW})",
        ),
    ),
    Invariant("answered", "codes in stored answers (Idempotency-Key) exist", _ANSWERED),
    Invariant("answered-job", "jobs in stored answers exist", _ANSWERED_JOB),
    Invariant("answered-once", "no two stored answers name the same code or job", _ANSWERED_TWICE),
    Invariant(
        "answer-form",
        "each stored answer names codes or one job",
        rows("idempotency", _ANSWER_UNTRUE),
    ),
    Invariant(
        "answer-brand",
        "the brand of each stored answer exists",
        rows("idempotency", _ANSWER_NO_BRAND),
    ),
    Invariant(
        "answer-time",
        "stored answers have a valid time",
        rows("idempotency", f"length(content) IS NOT NULL AND {NO_MOMENT.format('created_at')}"),
    ),
    *(Invariant(*each) for each in (*OF_LIVES, *OF_IMPORTS)),
)
